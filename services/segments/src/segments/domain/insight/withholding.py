"""Cells of few persons are withheld, and as many others as it takes that none follows from a total.

Primary and complementary suppression as statistical offices do it: A. Hundepool et al., Statistical Disclosure Control
(2012), chapter 4. Every sum that can be read (a value of a tree is the sum of those below it; all persons known are the
sum of the top) must leave two numbers open at least, which are `fewest` persons together. Differences between answers
to different questions are not seen here.
"""

from collections.abc import Mapping
from typing import TypeAlias

FEWEST = 10
"""Persons of a cell that may be shown to everybody."""
Path: TypeAlias = tuple[str, ...]
"""A value from the top of its tree down; one step in a flat list. The empty one is everybody known."""
OWN = ""
"""The step below a value to persons of whom nothing nearer is known."""


def totals_of(counts: Mapping[Path, int]) -> dict[Path, int]:
    """Persons of every value and of all values above, by path, from those stored at each. Who stands at a value that
    has others below it stands in the cell `(*path, OWN)`."""
    stems = {path[:depth] for path in counts for depth in range(len(path))}
    totals: dict[Path, int] = {}
    for path, persons in counts.items():
        cell = (*path, OWN) if path in stems else path
        for depth in range(len(cell) + 1):
            totals[cell[:depth]] = totals.get(cell[:depth], 0) + persons
    return totals


def withheld(totals: Mapping[Path, int], fewest: int = FEWEST) -> frozenset[Path]:
    """The paths that must not be told, of a tag with one value for each person. Cells of nobody tell of nobody; the
    empty path is always told."""
    below: dict[Path, list[Path]] = {}
    for path in totals:
        if path:
            below.setdefault(path[:-1], []).append(path)
    hidden = {path for path, persons in totals.items() if path and 0 < persons < fewest}
    waiting = True
    while waiting:
        waiting = False
        for path in sorted(below, key=lambda each: (-len(each), each)):
            more = _one_more(path, below[path], totals, hidden, fewest)
            if more is not None:
                hidden.add(more)
                waiting = True
    return frozenset(hidden)


def withheld_overlapping(totals: Mapping[Path, int], fewest: int = FEWEST) -> frozenset[Path]:
    """The same for a tag of which a person may have several values: cells add up to nothing that is told."""
    return frozenset(path for path, persons in totals.items() if path and 0 < persons < fewest)


def _one_more(
    path: Path, cells: list[Path], totals: Mapping[Path, int], hidden: set[Path], fewest: int
) -> Path | None:
    """The next cell to hide in the sum `path` = all of `cells`; None when no hidden one follows from it."""
    among = [each for each in cells if each in hidden]
    shown = [each for each in cells if each not in hidden]
    if path in hidden:
        open_enough = bool(among)
    else:
        together = sum(totals[each] for each in among)
        open_enough = not among or (len(among) > 1 and together >= fewest)
    if open_enough or not shown:
        return None
    return min(shown, key=lambda each: (totals[each] == 0, totals[each], each))
