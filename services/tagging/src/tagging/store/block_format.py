"""How a block stands in its file: arrays one after the other in NumPy's own format.

offsets          uint16, person_id & 0xFFFF, ascending; or int32: the first, and how many follow each other
counts           integers as wide as theirs need; none when each person has one code
codes            integers as wide as theirs need
streamed         uint16, offsets of the persons whose value came from the stream and not from the run that wrote
streamed_as_of   int64, its moment in microseconds
factor           int64, one: by what codes are multiplied; not there for 1
"""

import re
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from rules.values import SCALE
from tagging.domain.columns import BLOCK_BITS, Coded, Ints, narrowed, within
from tagging.store.blocks import Block

_HEADER = re.compile(
    rb"\x93NUMPY\x01\x00..{'descr': '(?P<dtype>[^']+)', 'fortran_order': False, 'shape': \((?P<size>\d+),\), } *\n",
    re.DOTALL,
)
_LOOKED_AT = 64
"""Codes that tell whether it is worth looking whether all are whole numbers."""
_OFFSETS, _COUNTS, _CODES, _STREAMED, _STREAMED_AS_OF, _FACTOR = range(6)


def write_block(file: BinaryIO, block: int, content: Block) -> None:
    """Writes a block without unknown values."""
    base, coded = block << BLOCK_BITS, content.coded
    factor = _factor(coded.codes)
    arrays = [
        _run(coded.persons - base),
        np.empty(0, np.int8) if bool((coded.counts == 1).all()) else narrowed(coded.counts),
        narrowed(coded.codes if factor == 1 else coded.codes // factor),
        (content.streamed - base).astype(np.uint16),
        content.streamed_as_of,
    ]
    if factor != 1:
        arrays.append(np.array([factor]))
    for each in arrays:
        np.save(file, each)


class StoredBlock:
    """What a file holds, read as far as it is asked for."""

    def __init__(self, block: int, content: bytes) -> None:
        """Raises ValueError for anything but what is written here, by this release or one before."""
        self._base = block << BLOCK_BITS
        self._arrays = _arrays(content)

    def whole(self) -> Block:
        """All of it."""
        offsets = self._arrays[_OFFSETS]
        if offsets.dtype == np.int32:
            first, count = offsets.tolist()
            persons = np.arange(self._base + first, self._base + first + count)
        else:
            persons = offsets.astype(np.int64) + self._base
        counts = (
            self._arrays[_COUNTS].astype(np.uint16) if self._are_many else np.ones(len(persons), np.uint16)
        )
        return Block(Coded(persons, counts, self._codes(slice(None))), *self._moments())

    def of_persons(self, persons: Ints) -> Block:
        """Of these, ascending, of the block, alone."""
        if self._are_many:
            return self.whole().of_persons(persons)
        wanted = persons - self._base
        offsets = self._arrays[_OFFSETS]
        if offsets.dtype == np.int32:
            first, count = offsets.tolist()
            places = wanted - first
            here = (places >= 0) & (places < count)
        else:
            places = np.minimum(np.searchsorted(offsets, wanted.astype(np.uint16)), len(offsets) - 1)
            here = offsets[places] == wanted
        if not here.all():
            persons, places = persons[here], places[here]
        moved, moments = self._moments()
        chosen = within(moved, persons)
        coded = Coded(persons, np.ones(len(persons), np.uint16), self._codes(places))
        return Block(coded, moved[chosen], moments[chosen])

    @property
    def _are_many(self) -> bool:
        """Whether anybody has several codes."""
        counts = self._arrays[_COUNTS]
        return bool(len(counts)) and len(counts) != len(self._arrays[_CODES])

    def _codes(self, places: Any) -> Ints:
        codes: Ints = self._arrays[_CODES][places].astype(np.int64)
        if len(self._arrays) > _FACTOR:
            codes *= self._arrays[_FACTOR][0]
        return codes

    def _moments(self) -> tuple[Ints, Ints]:
        moved = self._arrays[_STREAMED].astype(np.int64) + self._base
        return moved, self._arrays[_STREAMED_AS_OF].astype(np.int64)


def _run(offsets: Ints) -> npt.NDArray[Any]:
    """Offsets that follow each other without a gap are told by the first, and how many they are."""
    if len(offsets) and int(offsets[-1]) - int(offsets[0]) == len(offsets) - 1:
        return np.array([int(offsets[0]), len(offsets)], np.int32)
    return offsets.astype(np.uint16)


def _factor(codes: Ints) -> int:
    """Whole numbers are scaled: they are stored as they are counted."""
    if len(codes) and not (codes[:_LOOKED_AT] % SCALE).any() and not (codes % SCALE).any():
        return SCALE
    return 1


def _arrays(content: bytes) -> list[npt.NDArray[Any]]:
    """Arrays of one dimension that np.save wrote one after the other; NumPy's reader takes ten times as long for short
    ones. Raises ValueError for anything else."""
    found: list[npt.NDArray[Any]] = []
    start = 0
    while start < len(content):
        head = _HEADER.match(content, start)
        if head is None:
            raise ValueError("not what np.save writes of an array of one dimension")
        dtype, size = np.dtype(head["dtype"].decode()), int(head["size"])
        found.append(np.frombuffer(content, dtype, size, head.end()))
        start = head.end() + size * dtype.itemsize
    return found
