"""Since when persons are in the stage of a lifecycle that they are in: a function of their events and the moment.

The stage of a person changes only at turning points: an event, and a midnight at which an event grows too old. All
turning points of all persons are decided at once; the entry is the first of a person's last run of equal stages.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.evaluate.tables.local_time import DAY_US
from rules.values import SCALE
from rules.windows import CalendarSettings

from .columns import Bools, Ints
from .definition import LifecycleKind
from .lifecycle import YEAR_DAYS, Histories, Thresholds, stages
from .local_days import LocalDays


@dataclass(frozen=True, slots=True)
class Happenings:
    """Events of persons in any order. `persons` are places in the list of persons, `times` microseconds since 1970
    UTC, `purchases` whether the event is one."""

    persons: Ints
    times: Ints
    purchases: Bools

    def until(self, moments: Ints) -> "Happenings":
        """Without what came after each person's moment."""
        kept = self.times <= moments[self.persons]
        return Happenings(self.persons[kept], self.times[kept], self.purchases[kept])


def entry_times(
    kind: LifecycleKind, happened: Happenings, as_of: Ints, calendar: CalendarSettings
) -> list[int | None]:
    """For each person, at their moment of `as_of`; None for who did nothing by then. Microseconds since 1970 UTC.

    Later events than as_of do not exist.
    """
    happened = happened.until(as_of)
    found: list[int | None] = [None] * len(as_of)
    if not len(happened.times):
        return found
    past = (max(_limits(kind)) + 2) * DAY_US
    days = LocalDays(calendar, int(happened.times.min()) - past, int(as_of.max()))
    persons, moments = _turning_points(kind, happened, as_of, days)
    course = stages(kind, *_standing(kind, happened, persons, moments, days))
    for person, entry in last_entries(persons, moments, course):
        found[person] = entry
    return found


def last_entries(persons: Ints, moments: Ints, course: npt.NDArray[np.object_]) -> Iterator[tuple[int, int]]:
    """(person, the first moment of the last run of equal stages), of turning points ascending by person and moment."""
    ends = np.flatnonzero(np.append(persons[1:] != persons[:-1], True))
    starts = np.append(0, ends[:-1] + 1)
    last = np.repeat(course[ends], ends - starts + 1)
    other = np.where(course != last, np.arange(len(course)), np.repeat(starts - 1, ends - starts + 1))
    entries = moments[np.maximum.reduceat(other, starts) + 1]
    yield from zip(persons[ends].tolist(), entries.tolist(), strict=True)


def _limits(kind: LifecycleKind) -> tuple[int, ...]:
    return (
        kind.new_days,
        kind.active_days,
        kind.warning_days,
        kind.dormant_days,
        kind.potential_days,
        YEAR_DAYS,
    )


def _turning_points(
    kind: LifecycleKind, happened: Happenings, as_of: Ints, days: LocalDays
) -> tuple[Ints, Ints]:
    """Persons and moments up to as_of at which a stage may change, ascending, distinct."""
    on = days.days(happened.times)
    bought, bought_on = happened.persons[happened.purchases], on[happened.purchases]
    ages = [kind.new_days, kind.active_days, kind.warning_days, kind.dormant_days, YEAR_DAYS - 1]
    persons = np.concatenate([happened.persons, happened.persons, *[bought] * len(ages)])
    moments = np.concatenate(
        [
            happened.times,
            days.midnights(on + kind.potential_days + 1),
            *[days.midnights(bought_on + age + 1) for age in ages],
        ]
    )
    return in_order(persons, moments, as_of)


def in_order(persons: Ints, moments: Ints, as_of: Ints) -> tuple[Ints, Ints]:
    """The turning points up to each person's moment, ascending, distinct; there is at least one."""
    reached = moments <= as_of[persons]
    persons, moments = persons[reached], moments[reached]
    order = np.lexsort((moments, persons))
    persons, moments = persons[order], moments[order]
    new = np.append(True, (persons[1:] != persons[:-1]) | (moments[1:] != moments[:-1]))
    return persons[new], moments[new]


def _standing(
    kind: LifecycleKind, happened: Happenings, persons: Ints, moments: Ints, days: LocalDays
) -> tuple[Histories, Thresholds]:
    """What stages rest on, at each turning point."""
    seen = Counted(happened.persons, happened.times)
    bought = Counted(happened.persons[happened.purchases], happened.times[happened.purchases])
    today = days.days(moments)
    so_far = bought.count(persons, moments, "right")
    this_year = so_far - bought.count(persons, days.midnights(today - (YEAR_DAYS - 1)), "left")
    histories = Histories(
        bought=so_far > 0,
        first=bought.time(persons, np.ones_like(so_far)),
        last=bought.time(persons, so_far),
        year_count=this_year * SCALE,
        seen=np.ones(len(moments), np.bool_),
        latest=seen.time(persons, seen.count(persons, moments, "right")),
    )
    since = Thresholds(
        *(
            days.midnights(today - limit)
            for limit in (
                kind.new_days,
                kind.active_days,
                kind.warning_days,
                kind.dormant_days,
                kind.potential_days,
            )
        )
    )
    return histories, since


class Counted:
    """Times of persons, to be counted up to a moment."""

    def __init__(self, persons: Ints, times: Ints) -> None:
        order = np.lexsort((times, persons))
        self._persons, self._times = persons[order], times[order]
        self._ticks = np.unique(times)
        self._keys = self._key(self._persons, self._times, "right")

    def count(self, persons: Ints, moments: Ints, side: str) -> Ints:
        """How many times of each person are at or before ("right"), or before ("left"), a moment."""
        upto = np.searchsorted(self._keys, self._key(persons, moments, side), side="right")
        found: Ints = upto - np.searchsorted(self._persons, persons, side="left")
        return found

    def time(self, persons: Ints, number: Ints) -> Ints:
        """Each person's time of a number, counted from 1; any value where there is none."""
        if not len(self._times):
            return np.zeros(len(persons), np.int64)
        place = np.searchsorted(self._persons, persons, side="left") + number - 1
        found: Ints = self._times[np.clip(place, 0, len(self._times) - 1)]
        return found

    def _key(self, persons: Ints, moments: Ints, side: str) -> Ints:
        """Orders by person, then by the rank of the moment among all times."""
        rank = np.searchsorted(self._ticks, moments, side=side)  # type: ignore[call-overload]
        found: Ints = persons * (len(self._ticks) + 1) + rank
        return found
