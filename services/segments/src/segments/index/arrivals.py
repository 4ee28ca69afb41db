"""Which value came last when the two lanes overtake each other: the one with the higher position.

Only what one lane has told beyond the other lane's cursor has to be remembered; the rest cannot be overtaken any more.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Value
from servicekit.revision import Lane

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE, PackedBlock
from segments.domain.packing import Offsets

Cursors = Mapping[Lane, int]


@dataclass(frozen=True, slots=True)
class OneValue:
    """One person's value of one column."""

    position: int
    column: str
    person_id: int
    value: Value | None


@dataclass(frozen=True, slots=True)
class _BlockArrival:
    position: int
    offsets: Offsets


class Arrivals:
    """One tenant's. Positions of what may yet be overtaken, and the values themselves in case their column is defined
    by something that the other lane still has to tell."""

    def __init__(self) -> None:
        self._single: dict[str, dict[int, int]] = {}
        self._blocks: dict[tuple[str, int], tuple[_BlockArrival, ...]] = {}
        self._kept: dict[str, tuple[tuple[Lane, OneValue | PackedBlock], ...]] = {}

    def copy(self) -> "Arrivals":
        """One to change."""
        other = Arrivals()
        other._single = {column: dict(positions) for column, positions in self._single.items()}
        other._blocks = dict(self._blocks)
        other._kept = dict(self._kept)
        return other

    def admit_one(self, lane: Lane, cursors: Cursors, arrival: OneValue) -> bool:
        """Whether one person's value is the latest so far; remembers it while it may be overtaken."""
        column, person_id, position = arrival.column, arrival.person_id, arrival.position
        if self._single.get(column, {}).get(person_id, 0) > position:
            return False
        offset = person_id & (BLOCK_SIZE - 1)
        for block in self._blocks.get((column, person_id >> BLOCK_BITS), ()):
            if block.position > position and offset in block.offsets:
                return False
        if position > cursors[_other(lane)]:
            self._single.setdefault(column, {})[person_id] = position
        return True

    def admit_block(self, lane: Lane, cursors: Cursors, arrival: PackedBlock) -> npt.NDArray[np.bool_]:
        """Of each offset whether its value is the latest so far; remembers the block while it may be overtaken."""
        offsets = arrival.coded.offsets
        key = arrival.column, arrival.block
        admitted = np.ones(len(offsets), np.bool_)
        later = [
            person_id & (BLOCK_SIZE - 1)
            for person_id, position in self._single.get(arrival.column, {}).items()
            if position > arrival.position and person_id >> BLOCK_BITS == arrival.block
        ]
        if later:
            admitted &= ~np.isin(offsets, np.asarray(later, np.uint16))
        for block in self._blocks.get(key, ()):
            if block.position > arrival.position:
                admitted &= ~np.isin(offsets, block.offsets)
        if arrival.position > cursors[_other(lane)]:
            self._blocks[key] = (*self._blocks.get(key, ()), _BlockArrival(arrival.position, offsets))
        return admitted

    def keep(self, lane: Lane, cursors: Cursors, arrival: OneValue | PackedBlock) -> bool:
        """Keeps a value whose column the other lane may still define; false when it cannot any more."""
        if arrival.position <= cursors[_other(lane)]:
            return False
        self._kept[arrival.column] = (*self._kept.get(arrival.column, ()), (lane, arrival))
        return True

    def kept(self, column: str, after: int) -> list[tuple[Lane, OneValue | PackedBlock]]:
        """What was kept of a column beyond a position, each with its lane, in order of position."""
        found = (each for each in self._kept.get(column, ()) if each[1].position > after)
        return sorted(found, key=lambda each: each[1].position)

    def settle(self, settled: int) -> None:
        """Forgets what both lanes have passed."""
        if self._single:
            pruned = (
                (column, {person_id: at for person_id, at in positions.items() if at > settled})
                for column, positions in self._single.items()
            )
            self._single = {column: positions for column, positions in pruned if positions}
        if self._blocks:
            unsettled = (
                (key, tuple(each for each in arrivals if each.position > settled))
                for key, arrivals in self._blocks.items()
            )
            self._blocks = {key: arrivals for key, arrivals in unsettled if arrivals}
        if self._kept:
            waiting = (
                (column, tuple(each for each in arrivals if each[1].position > settled))
                for column, arrivals in self._kept.items()
            )
            self._kept = {column: arrivals for column, arrivals in waiting if arrivals}


def _other(lane: Lane) -> Lane:
    return Lane.BULK if lane is Lane.LIVE else Lane.LIVE
