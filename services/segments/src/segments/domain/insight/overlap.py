"""Who is in which of several audiences: every person in exactly one cell, as an UpSet chart needs it.

A. Lex et al., UpSet: Visualization of Intersecting Sets, IEEE Transactions on Visualization and Computer Graphics 20
(2014), 1983-1992.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

MAX_AUDIENCES = 12
_FOLLOWS = 1 - 1e-9


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


def withheld_sums(cells: Sequence[tuple[tuple[int, ...], int]], sums: int, fewest: int) -> frozenset[int]:
    """The places of cells that must not be told, of (the sums that it is part of, persons): those of fewer persons, and
    of the others the smallest until none follows from the sums, without those that are not needed for it in the end.
    Sums that are smaller themselves tell nothing more."""
    told = np.zeros(sums, np.int64)
    for inside, persons in cells:
        told[list(inside)] += persons
    hidden = [place for place, (_, persons) in enumerate(cells) if persons < fewest]
    shown = sorted(set(range(len(cells))) - set(hidden), key=lambda place: (cells[place][1], cells[place][0]))

    def follow(places: Sequence[int]) -> bool:
        return _some_follow([cells[place] for place in places], len(hidden), told >= fewest, fewest)

    more: list[int] = []
    while hidden and shown and follow([*hidden, *more]):
        more.append(shown.pop(0))
    for place in reversed(more[:-1]):
        fewer = [each for each in more if each != place]
        if not follow([*hidden, *fewer]):
            more = fewer
    return frozenset([*hidden, *more])


def _some_follow(
    cells: Sequence[tuple[tuple[int, ...], int]], few: int, told: npt.NDArray[np.bool_], fewest: int
) -> bool:
    """Whether the sums that are told determine one of the first `few` hidden cells, those of few persons, or tell that
    some are together fewer than may be told of. A cell is determined just when its unit vector lies in the span of the
    sums."""
    sums = np.zeros((len(told), len(cells)))
    for place, (inside, _) in enumerate(cells):
        sums[list(inside), place] = 1
    sums = sums[told]
    together = sums @ np.asarray([persons for _, persons in cells], np.float64)
    if ((together > 0) & (together < fewest)).any():
        return True
    _, sizes, directions = np.linalg.svd(sums, full_matrices=False)
    span = directions[sizes > 1e-9]
    return bool(((span**2).sum(axis=0)[:few] > _FOLLOWS).any())
