"""An audience parted by the values of a tag."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from pyroaring import BitMap
from segments.domain.insight.cells import Cell

DEFAULT_VALUES = 10


class GroupKind(Enum):
    """What the persons of a group have in common."""

    ALL = "all"
    VALUE = "value"
    OTHERS = "others"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Breakdown:
    """`level` of the tag's tree, 0: values as stored."""

    tag_id: str
    level: int = 0
    max_values: int = DEFAULT_VALUES


@dataclass(frozen=True, slots=True)
class Group:
    """`cell`: of a value."""

    kind: GroupKind
    persons: BitMap
    cell: Cell | None = None


def parted(audience: BitMap, values: Sequence[tuple[Cell, BitMap]], max_values: int) -> list[Group]:
    """The whole audience, the values of most persons first (ties in their order), all others, and who has none."""
    ranked = sorted(values, key=lambda each: (-len(each[1]), each[0].key))
    shown, others = ranked[:max_values], ranked[max_values:]
    known = BitMap.union(BitMap(), *(persons for _, persons in values))
    rest = [
        Group(GroupKind.OTHERS, BitMap.union(BitMap(), *(persons for _, persons in others))),
        Group(GroupKind.UNKNOWN, audience - known),
    ]
    return [
        Group(GroupKind.ALL, audience),
        *(Group(GroupKind.VALUE, persons, cell) for cell, persons in shown),
        *(each for each in rest if each.persons),
    ]
