"""What insight asks of whoever keeps events."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from pyroaring import BitMap
from segments.domain.insight.behaviour.questions import BehaviourCell, Funnel, Paths, Retention
from servicekit.revision import Revision


@dataclass(frozen=True, slots=True)
class Sets:
    """Whose behaviour: the audience first, then its groups. `at_least`: how fresh events must be; None: as they are.
    `grades`: beyond which no event may be looked at."""

    tenant: str
    sets: Sequence[BitMap]
    at_least: Revision | None
    grades: frozenset[str]


@dataclass(frozen=True, slots=True)
class EventBasis:
    """Events up to `as_of` count. `persons`: of each set, who was counted; `purposes` of sensitive events, in order."""

    as_of: dt.datetime
    revision: Revision
    persons: tuple[int, ...]
    event_count: int
    warnings: tuple[str, ...]
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FunnelCounts:
    """`reached`: by set, persons by step."""

    basis: EventBasis
    reached: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Cohort:
    """`start_day`: days since 1970-01-01; so many of its periods have begun, and are over."""

    start_day: int
    begun: int
    over: int


@dataclass(frozen=True, slots=True)
class RetentionCounts:
    """By set and cohort: `sizes`, and by period who come back."""

    basis: EventBasis
    cohorts: tuple[Cohort, ...]
    sizes: tuple[tuple[int, ...], ...]
    returned: tuple[tuple[tuple[int, ...], ...], ...]


class Turn(Enum):
    """What a node of a tree of walks stands for."""

    STEP = "step"
    OTHERS = "others"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Node:
    """`event_types` from the start to it; of OTHERS and ENDED to the node that they follow."""

    turn: Turn
    event_types: tuple[str, ...]
    persons: int


@dataclass(frozen=True, slots=True)
class PathCounts:
    """Every node before those that follow it; those that follow one add up to it. `started`: who has a walk."""

    basis: EventBasis
    started: int
    nodes: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class CellMembers:
    """Who of the first set is in a cell."""

    basis: EventBasis
    persons: BitMap


class Behaviour(Protocol):
    """Counts behaviour of sets of persons. Waits for another service: raises UpstreamUnavailable when it is away,
    RuleInvalid for events that it does not know, with the place in a field's text, RightMissing for those of other
    grades, and BatchTooLarge. A cancelled caller cancels the work."""

    async def funnel(self, sets: Sets, funnel: Funnel) -> FunnelCounts:
        """How far they come."""
        ...

    async def retention(self, sets: Sets, retention: Retention) -> RetentionCounts:
        """Who comes back."""
        ...

    async def paths(self, sets: Sets, paths: Paths) -> PathCounts:
        """What those of the first set do next."""
        ...

    async def members(self, sets: Sets, cell: BehaviourCell) -> CellMembers:
        """Who of the first set is in a cell."""
        ...
