"""Lifecycle: every known person is in exactly one stage, decided by when and how often they bought.

    no purchase      high_potential   any event at most `potential_days` ago
                     potential        otherwise
    first purchase   new              the first at most `new_days` ago
    later            loyal            the last at most `active_days` ago, `loyal_count` or more in 365 days
                     active           the last at most `active_days` ago
                     churn_warning    the last at most `warning_days` ago
                     dormant          the last at most `dormant_days` ago
                     churned          otherwise

Days are the tenant's calendar days; tried from top to bottom. A stage and its entry time are functions of the
events and the moment alone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.values import SCALE
from rules.windows import CalendarSettings

from .columns import Bools, Ints, microseconds, moment_of
from .definition import LifecycleKind

STAGES = (
    "potential",
    "new",
    "high_potential",
    "active",
    "loyal",
    "churn_warning",
    "dormant",
    "churned",
)
YEAR_DAYS = 365


@dataclass(frozen=True, slots=True)
class Histories:
    """What stages rest on, one slot per person (or moment): microseconds, where `bought` and `seen`.

    first, last  purchase; year_count the purchases of the last 365 days, scaled; latest the last event of any
    type
    """

    bought: Bools
    first: Ints
    last: Ints
    year_count: Ints
    seen: Bools
    latest: Ints


@dataclass(frozen=True, slots=True)
class Thresholds:
    """The first moment, in microseconds, that still is at most so many days ago; broadcast with Histories."""

    new: Ints
    active: Ints
    warning: Ints
    dormant: Ints
    potential: Ints


def thresholds(kind: LifecycleKind, today: Sequence[dt.date], calendar: CalendarSettings) -> Thresholds:
    """One slot per day given."""

    def starts(days: int) -> Ints:
        back = dt.timedelta(days=days)
        return np.array([microseconds(calendar.midnight(day - back)) for day in today], np.int64)

    return Thresholds(
        starts(kind.new_days),
        starts(kind.active_days),
        starts(kind.warning_days),
        starts(kind.dormant_days),
        starts(kind.potential_days),
    )


def stages(kind: LifecycleKind, facts: Histories, since: Thresholds) -> npt.NDArray[np.object_]:
    """The stage of each slot."""
    active = facts.last >= since.active
    chosen = np.select(
        [
            ~facts.bought & facts.seen & (facts.latest >= since.potential),
            ~facts.bought,
            facts.first >= since.new,
            active & (facts.year_count >= kind.loyal_count * SCALE),
            active,
            facts.last >= since.warning,
            facts.last >= since.dormant,
        ],
        [STAGES.index(name) for name in _ORDER[:-1]],
        STAGES.index(_ORDER[-1]),
    )
    found: npt.NDArray[np.object_] = np.array(STAGES, object)[chosen]
    return found


_ORDER = ("high_potential", "potential", "new", "loyal", "active", "churn_warning", "dormant", "churned")


def entry_time(
    kind: LifecycleKind,
    purchases: Sequence[dt.datetime],
    events: Sequence[dt.datetime],
    as_of: dt.datetime,
    calendar: CalendarSettings,
) -> dt.datetime | None:
    """When the person entered the stage they are in at `as_of`; None for who never did anything.

    `events` are the times of all events, the purchases included; later ones than as_of do not exist.
    """
    bought = np.unique([microseconds(each) for each in purchases if each <= as_of]).astype(np.int64)
    happened = np.unique([microseconds(each) for each in events if each <= as_of]).astype(np.int64)
    if not len(happened):
        return None
    moments = _turning_points(kind, purchases, events, as_of, calendar)
    many = np.sort(np.array([microseconds(each) for each in purchases if each <= as_of], np.int64))
    today = [calendar.day_of(moment_of(each)) for each in moments.tolist()]
    year_start = np.array(
        [microseconds(calendar.midnight(day - dt.timedelta(days=YEAR_DAYS - 1))) for day in today], np.int64
    )
    so_far = np.searchsorted(many, moments, side="right")
    seen = np.searchsorted(happened, moments, side="right")
    padded = many if len(many) else np.zeros(1, np.int64)
    facts = Histories(
        bought=so_far > 0,
        first=np.full(len(moments), bought[0] if len(bought) else 0, np.int64),
        last=padded[np.maximum(so_far - 1, 0)],
        year_count=(so_far - np.searchsorted(many, year_start, side="left")) * SCALE,
        seen=seen > 0,
        latest=happened[np.maximum(seen - 1, 0)],
    )
    course = stages(kind, facts, thresholds(kind, today, calendar))
    earlier = np.flatnonzero(course != course[-1])
    return moment_of(int(moments[int(earlier[-1]) + 1 if len(earlier) else 0]))


def _turning_points(
    kind: LifecycleKind,
    purchases: Sequence[dt.datetime],
    events: Sequence[dt.datetime],
    as_of: dt.datetime,
    calendar: CalendarSettings,
) -> Ints:
    """Every moment up to as_of at which the stage may change, ascending: events, and midnights at which one
    grows too old."""
    found = {microseconds(each) for each in (*purchases, *events)}
    for day in {calendar.day_of(each) for each in purchases}:
        for limit in (kind.new_days, kind.active_days, kind.warning_days, kind.dormant_days):
            found.add(microseconds(calendar.midnight(day + dt.timedelta(days=limit + 1))))
        found.add(microseconds(calendar.midnight(day + dt.timedelta(days=YEAR_DAYS))))
    for day in {calendar.day_of(each) for each in events}:
        found.add(microseconds(calendar.midnight(day + dt.timedelta(days=kind.potential_days + 1))))
    end = microseconds(as_of)
    return np.array(sorted(each for each in found if each <= end), np.int64)
