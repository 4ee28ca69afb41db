"""Who comes back: cohorts by the period of a person's first event, and the periods of later ones.

A person is of the cohort of the day, week or month (of the tenant's zone) in which the first event lies that satisfies
the first filter, of all that are kept, up to the moment of the answer; who began before or after the cohorts asked for
is in none. The person comes back in period k when an event that satisfies the second filter lies in the k-th period
after the cohort's own, and comes after that first event in the order of (event time, ingest sequence). Only in period 0
the order matters: the first event itself is no return.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rules.evaluate.events.columns import Ints
from rules.tree import Unit
from rules.windows import CalendarSettings, back, first_day

from .tracks import Track, first_of_runs, history_of, passing

MAX_COHORTS = 60
MAX_PERIODS = 60
"""Bits of a mask: below 64."""
NO_COHORT = -1
FIRST, RETURN = 0, 1
"""The flags of the two filters."""
Cohorts: TypeAlias = npt.NDArray[np.int16]
Returns: TypeAlias = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Retention:
    """`starts_us`: where periods begin, in microseconds since 1970 UTC, ascending, and at last where the last one ends;
    the first `cohorts` of them are cohorts, and each is followed through `periods`, its own included."""

    starts_us: tuple[int, ...]
    cohorts: int
    periods: int


def period_days(first: dt.date, unit: Unit, count: int, calendar: CalendarSettings) -> list[dt.date]:
    """The first days of `count` days, weeks or months from the one that `first` lies in, and at last the day after."""
    start = first if unit is Unit.DAY else first_day(first, unit, calendar)
    return [back(start, -number, unit) for number in range(count + 1)]


def returns(tracks: Sequence[Track], retention: Retention, persons: int) -> tuple[Cohorts, Returns]:
    """By slot, the number of the person's cohort, and bit k: whether the person comes back in period k."""
    cohorts = np.full(persons, NO_COHORT, np.int16)
    found = np.zeros(persons, np.uint64)
    history = history_of(tracks)
    starts = np.asarray(retention.starts_us, np.int64)
    begun = np.flatnonzero(passing(history.flags, FIRST))
    begun = begun[first_of_runs(history.owners[begun])]
    number = _period(starts, history.times[begun])
    inside = (number >= 0) & (number < retention.cohorts)
    begun, number = begun[inside], number[inside]
    owners = history.owners[begun]
    cohorts[owners] = number
    firsts = np.full(persons, len(history.owners), np.int64)
    firsts[owners] = begun
    later = np.flatnonzero(passing(history.flags, RETURN))
    later = later[later > firsts[history.owners[later]]]
    whose = history.owners[later]
    after = _period(starts, history.times[later]) - cohorts[whose]
    counted = (after >= 0) & (after < retention.periods)
    whose, after = whose[counted], after[counted]
    if len(whose):
        runs = np.flatnonzero(first_of_runs(whose))
        found[whose[runs]] = np.bitwise_or.reduceat(np.uint64(1) << after.astype(np.uint64), runs)
    return cohorts, found


def _period(starts: Ints, times: Ints) -> Ints:
    """The number of the period of each moment: -1 before the first, the count of periods behind the last."""
    return np.searchsorted(starts, times, side="right") - 1


@dataclass(frozen=True, slots=True)
class Matrix:
    """Persons by cohort, and of each cohort by period those who come back in it."""

    sizes: list[int]
    returned: list[list[int]]


def matrix(cohorts: Cohorts, found: Returns, retention: Retention) -> Matrix:
    """Of these persons."""
    inside = np.flatnonzero(cohorts != NO_COHORT)
    cohorts, found = cohorts[inside], found[inside]
    by_period = [
        np.bincount(cohorts[came_back(found, period)], minlength=retention.cohorts)
        for period in range(retention.periods)
    ]
    sizes = np.bincount(cohorts, minlength=retention.cohorts)
    return Matrix(sizes.tolist(), np.stack(by_period, axis=1).tolist())


def came_back(found: Returns, period: int) -> npt.NDArray[np.bool_]:
    """Who comes back in a period."""
    chosen: npt.NDArray[np.bool_] = (found >> np.uint64(period)) & np.uint64(1) > 0
    return chosen
