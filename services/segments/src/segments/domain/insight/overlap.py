"""Who is in which of several audiences: every person in exactly one cell, as an UpSet chart needs it.

A. Lex et al., UpSet: Visualization of Intersecting Sets, IEEE Transactions on Visualization and Computer Graphics 20
(2014), 1983-1992.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from pyroaring import BitMap

MAX_AUDIENCES = 12


@dataclass(frozen=True, slots=True)
class Intersection:
    """The persons who are in just these audiences, by place, and in no other."""

    inside: tuple[int, ...]
    persons: BitMap


def intersections(audiences: Sequence[BitMap]) -> list[Intersection]:
    """The cells that hold anybody, most persons first, then by audiences. Costs each audience's size once for each
    other at most; at most 2^n - 1 cells."""
    cells: list[tuple[tuple[int, ...], BitMap]] = [((), BitMap.union(BitMap(), *audiences))]
    for place, audience in enumerate(audiences):
        parted = []
        for inside, persons in cells:
            in_it = persons & audience
            parted += [((*inside, place), in_it), (inside, persons - in_it)]
        cells = [(inside, persons) for inside, persons in parted if persons]
    found = [Intersection(inside, persons) for inside, persons in cells]
    return sorted(found, key=lambda each: (-len(each.persons), each.inside))
