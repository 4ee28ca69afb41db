"""A tenant's days, for many moments at once. The clock's changes come from Python's time zone data, as in rules."""

import datetime as dt

import numpy as np
from rules.evaluate.tables.local_time import DAY_US, Steps, midnights, transitions
from rules.windows import CalendarSettings

from .columns import Ints, moment_of

FIRST_YEAR = 1900
"""Moments before it have its offset."""


class LocalDays:
    """Days are numbers since 1970-01-01, moments microseconds since 1970 UTC.

    Exact between two moments; beyond, the offset is the nearest known one. The clock's changes are found once per time
    zone and span of years.
    """

    def __init__(self, calendar: CalendarSettings, low_us: int, high_us: int) -> None:
        first = max(moment_of(low_us).year - 1, FIRST_YEAR)
        last = min(moment_of(high_us).year + 2, dt.MAXYEAR)
        span = dt.date(min(first, last - 1), 1, 1), dt.date(last, 1, 1)
        self._moments = _Steps(transitions(calendar.time_zone, *span))
        self._days = _Steps(midnights(calendar.time_zone, *span))

    def days(self, moments: Ints) -> Ints:
        """The day of each moment."""
        found: Ints = (moments + self._moments.at(moments)) // DAY_US
        return found

    def midnights(self, days: Ints) -> Ints:
        """The start of each day."""
        found: Ints = days * DAY_US - self._days.at(days)
        return found


class _Steps:
    """A function of few steps; the first holds since ever."""

    def __init__(self, steps: Steps) -> None:
        self._starts = np.array([start for start, _ in steps], np.int64)
        self._values = np.array([value for _, value in steps], np.int64)

    def at(self, places: Ints) -> Ints:
        found: Ints = self._values[np.maximum(np.searchsorted(self._starts, places, side="right") - 1, 0)]
        return found
