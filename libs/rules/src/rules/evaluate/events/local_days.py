"""The tenant's clock for arrays of moments: the offsets are Python's, each distinct stretch looked up once."""

import datetime as dt
from functools import lru_cache

import numpy as np

from rules.evaluate.setting import Setting
from rules.evaluate.tables.local_time import DAY_US, EPOCH, HOUR_US, epoch_us, transitions
from rules.windows import CalendarSettings

from .columns import Bools, Ints, Numbers

__all__ = ["DAY_US", "HOUR_US", "local_days", "local_us", "midnights_us", "offset_us"]
_FIRST_DAY, _LAST_DAY = dt.date.min.toordinal() + 1, dt.date.max.toordinal()
"""Of which every zone has a clock."""


def local_us(times: Numbers, setting: Setting) -> Ints:
    """Microseconds of the tenant's wall clock since 1970-01-01T00:00."""
    if not len(times):
        return np.zeros(0, np.int64)
    steps = _steps_between(times, setting)
    if len(steps) == 1:
        return np.asarray(times + steps[0][1], np.int64)
    starts = np.array([start for start, _ in steps[1:]], np.int64)
    offsets = np.array([offset for _, offset in steps], np.int64)
    return np.asarray(times + offsets[np.searchsorted(starts, times, side="right")], np.int64)


def offset_us(times: Numbers, setting: Setting) -> int | None:
    """How far the tenant's clock is ahead of UTC; None when it was set between these moments."""
    steps = _steps_between(times, setting) if len(times) else ((0, 0),)
    return steps[0][1] if len(steps) == 1 else None


def _steps_between(times: Numbers, setting: Setting) -> tuple[tuple[int, int], ...]:
    first = (EPOCH + np.timedelta64(int(times.min()), "us").astype(object)).date()
    last = (EPOCH + np.timedelta64(int(times.max()), "us").astype(object)).date()
    since, until = max(first.toordinal() - 2, _FIRST_DAY), min(last.toordinal() + 3, _LAST_DAY)
    return _steps(setting.calendar.time_zone, since, until)


def local_days(times: Numbers, setting: Setting) -> Ints:
    """The tenant's day of moments, as days since 1970-01-01."""
    return local_us(times, setting) // DAY_US


def midnights_us(days: Numbers, known: Bools, setting: Setting) -> Ints:
    """The starts of the tenant's days, in microseconds since 1970-01-01T00:00Z; 0 where not known."""
    distinct, places = np.unique(np.where(known, days, 0), return_inverse=True)
    calendar = setting.calendar
    starts = [_midnight_us(calendar, each) for each in distinct.tolist()]
    return np.array(starts, np.int64)[places]


def _midnight_us(calendar: CalendarSettings, number: int) -> int:
    return epoch_us(calendar.midnight(EPOCH.date().fromordinal(number + EPOCH.date().toordinal())))


@lru_cache(maxsize=64)
def _steps(time_zone: str, first: int, last: int) -> tuple[tuple[int, int], ...]:
    """Of a stretch of days given by their ordinals."""
    date = EPOCH.date()
    return transitions(time_zone, date.fromordinal(first), date.fromordinal(last))
