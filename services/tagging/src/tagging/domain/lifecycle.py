"""Lifecycle: every known person is in exactly one stage, decided by when and how often they bought.

    no purchase      high_potential   any event at most `potential_days` ago
                     potential        otherwise
    first purchase   new              the first at most `new_days` ago
    later            loyal            the last at most `active_days` ago, `loyal_count` or more in 365 days
                     active           the last at most `active_days` ago
                     churn_warning    the last at most `warning_days` ago
                     dormant          the last at most `dormant_days` ago
                     churned          otherwise

Days are the tenant's calendar days; tried from top to bottom. A stage and its entry time (stage_entry) are functions
of the events and the moment alone.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.values import SCALE
from rules.windows import CalendarSettings

from .columns import Bools, Ints, microseconds
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
