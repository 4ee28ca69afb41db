"""What following the index did to segments."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pyroaring import BitMap
from segments.domain.frozen import Frozen
from segments.domain.segment import Segment


@dataclass(frozen=True, slots=True)
class Flip:
    """A condition of a rule, as text, and whether it holds by now: before, it was the other way round."""

    text: str
    holds: bool


@dataclass(frozen=True, slots=True)
class Cause:
    """Why one person entered or left; `of_population`: came to the rule's population, or left it."""

    person_id: int
    flips: tuple[Flip, ...] = ()
    of_population: bool = False


@dataclass(frozen=True, slots=True)
class Movement:
    """Who entered and who left a segment, and whoever is told again in this lane because the other one told it.
    `causes`: of some of them, by person."""

    segment_id: str
    entered: BitMap
    left: BitMap
    causes: tuple[Cause, ...] = ()

    def part(self, persons: BitMap) -> "Movement":
        """Of some persons."""
        causes = tuple(each for each in self.causes if each.person_id in persons)
        return Movement(self.segment_id, self.entered & persons, self.left & persons, causes)


@dataclass(frozen=True, slots=True)
class Flips:
    """Who came and went by a batch of changes. `names` are the segments that were looked at; those of them that have no
    movement have the members that they had."""

    names: frozenset[str] = frozenset()
    movements: Mapping[str, Movement] = field(default_factory=dict)


@dataclass(slots=True)
class Followed:
    """What a batch of changes did to a tenant's segments. `segments` are those that were stored or changed their
    state, `deleted` the ids of those that went, `frozen` the members that were frozen, None for those to
    compute anew."""

    movements: list[Movement] = field(default_factory=list)
    segments: list[Segment] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    frozen: dict[str, Frozen | None] = field(default_factory=dict)
