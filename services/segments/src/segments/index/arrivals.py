"""Which value came last when the two lanes overtake each other: the one with the higher position.

Only what one lane has told beyond the other lane's cursor has to be remembered; the rest cannot be overtaken any more.
One lane may be minutes behind while thousands of values a second come in the other, so a version shares what it
remembers with those before it: a batch costs what it brings, however much is remembered.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from servicekit.revision import Lane

from segments.domain.changes import BLOCK_BITS, BLOCK_SIZE, PackedBlock, PersonValues
from segments.domain.packing import Offsets

Cursors = Mapping[Lane, int]
Positions = dict[str, dict[int, int]]
"""By column, each person's latest position."""
Told = tuple[Lane, PersonValues | PackedBlock]


@dataclass(frozen=True, slots=True)
class _BlockArrival:
    position: int
    offsets: Offsets


@dataclass(frozen=True, slots=True)
class _Layer:
    """Positions of single values; `last` is the greatest of them. Not changed once it is made."""

    last: int
    size: int
    positions: Positions

    def under(self, later: "_Layer") -> "_Layer":
        """Both as one."""
        positions = dict(self.positions)
        for column, newer in later.positions.items():
            positions[column] = {**positions.get(column, {}), **newer}
        return _Layer(max(self.last, later.last), self.size + later.size, positions)


@dataclass(frozen=True, slots=True)
class _Batch:
    """What is kept of a batch; `last` is its greatest position."""

    last: int
    told: tuple[Told, ...]


class Arrivals:
    """One tenant's. Positions of what may yet be overtaken, and the values themselves in case their column is defined
    by something that the other lane still has to tell.

    Layers of positions are in order of time, each at least twice as large as the one behind it, so that there are few;
    `_latest` is the one that is being made. `_kept` and `_telling` are the same of values.
    """

    def __init__(self) -> None:
        self._layers: tuple[_Layer, ...] = ()
        self._latest: Positions = {}
        self._blocks: dict[tuple[str, int], tuple[_BlockArrival, ...]] = {}
        self._kept: tuple[_Batch, ...] = ()
        self._telling: list[Told] = []

    def copy(self) -> "Arrivals":
        """One to change; the original is not changed any more."""
        other = Arrivals()
        other._layers = _with_layer(self._layers, self._latest)
        other._blocks = dict(self._blocks)
        other._kept = self._kept
        if self._telling:
            last = max(change.position for _, change in self._telling)
            other._kept = (*self._kept, _Batch(last, tuple(self._telling)))
        return other

    def admit_one(self, lane: Lane, cursors: Cursors, position: int, column: str, person_id: int) -> bool:
        """Whether one person's value is the latest so far; remembers it while it may be overtaken."""
        for positions in self._positions(column):
            if positions.get(person_id, 0) > position:
                return False
        offset = person_id & (BLOCK_SIZE - 1)
        for block in self._blocks.get((column, person_id >> BLOCK_BITS), ()):
            if block.position > position and offset in block.offsets:
                return False
        if position > cursors[_other(lane)]:
            self._latest.setdefault(column, {})[person_id] = position
        return True

    def admit_block(self, lane: Lane, cursors: Cursors, arrival: PackedBlock) -> npt.NDArray[np.bool_]:
        """Of each offset whether its value is the latest so far; remembers the block while it may be overtaken."""
        offsets = arrival.coded.offsets
        key = arrival.column, arrival.block
        admitted = np.ones(len(offsets), np.bool_)
        later = [
            person_id & (BLOCK_SIZE - 1)
            for positions in self._positions(arrival.column)
            for person_id, position in positions.items()
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

    def keep(self, lane: Lane, cursors: Cursors, change: PersonValues | PackedBlock) -> bool:
        """Keeps values whose columns the other lane may still define; false when it cannot any more."""
        if change.position <= cursors[_other(lane)]:
            return False
        self._telling.append((lane, change))
        return True

    def kept(self, column: str, after: int) -> list[Told]:
        """What was kept of a column beyond a position, each with its lane, in order of position."""
        told = [each for batch in self._kept for each in batch.told]
        found = [
            each for each in (*told, *self._telling) if each[1].position > after and _is_of(column, each[1])
        ]
        return sorted(found, key=lambda each: each[1].position)

    def settle(self, settled: int) -> None:
        """Forgets what both lanes have passed; some of it may stay as long as what came with it."""
        self._layers = tuple(each for each in self._layers if each.last > settled)
        self._kept = tuple(each for each in self._kept if each.last > settled)
        if self._blocks:
            unsettled = (
                (key, tuple(each for each in arrivals if each.position > settled))
                for key, arrivals in self._blocks.items()
            )
            self._blocks = {key: arrivals for key, arrivals in unsettled if arrivals}

    def _positions(self, column: str) -> Iterator[dict[int, int]]:
        """Of a column, the latest ones first."""
        if column in self._latest:
            yield self._latest[column]
        for layer in reversed(self._layers):
            if column in layer.positions:
                yield layer.positions[column]


def _with_layer(layers: tuple[_Layer, ...], latest: Positions) -> tuple[_Layer, ...]:
    if not latest:
        return layers
    size = sum(map(len, latest.values()))
    last = max(max(positions.values()) for positions in latest.values())
    added = _Layer(last, size, latest)
    while layers and layers[-1].size < 2 * added.size:
        *below, top = layers
        layers, added = tuple(below), top.under(added)
    return (*layers, added)


def _is_of(column: str, change: PersonValues | PackedBlock) -> bool:
    return column in change.values if isinstance(change, PersonValues) else change.column == column


def _other(lane: Lane) -> Lane:
    return Lane.BULK if lane is Lane.LIVE else Lane.LIVE
