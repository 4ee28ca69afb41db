"""Who is in a set of persons: one bit each, and out into ids and portable roaring bitmaps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from segments.engine.arenas import Words, aligned
from segments.engine.compiled import kernel, signed
from segments.engine.containers import BLOCK_WORDS
from segments.engine.lines import lowest_bit
from segments.engine.sets import SetColumn, members_column

_COOKIE = 12_346
_ARRAY_MOST = 4_096
"""Containers of up to so many values are sorted uint16, larger ones bits: github.com/RoaringBitmap/RoaringFormatSpec"""

Ids = npt.NDArray[np.uint32]
Cardinalities = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Members:
    """`words`: 1,024 per block, person i of block b at bit i of its part; `cardinalities`: int64 per block."""

    words: Words
    cardinalities: Cardinalities

    def __len__(self) -> int:
        return int(self.cardinalities.sum())

    @property
    def blocks(self) -> int:
        return len(self.cardinalities)

    def ids(self) -> Ids:
        """uint32, ascending."""
        found = np.empty(len(self), np.uint32)
        ends = np.cumsum(self.cardinalities)
        _ids(self.words, self.cardinalities, ends - self.cardinalities, found)
        return found

    def contains(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
        """Of each id whether it is in the set."""
        found = np.empty(len(ids), np.bool_)
        _contains(self.words, np.ascontiguousarray(ids, np.int64), found)
        return found

    def bitmap(self) -> BitMap:
        """The same persons, by way of the portable format."""
        filled = np.flatnonzero(self.cardinalities)
        if not len(filled):
            return BitMap()
        counted = self.cardinalities[filled]
        sizes = np.where(counted <= _ARRAY_MOST, 2 * counted, 8 * BLOCK_WORDS)
        header = 8 + 8 * len(filled)
        ends = np.cumsum(sizes) + header
        data = np.zeros(int(ends[-1]), np.uint8)
        data[:8].view("<u4")[:] = (_COOKIE, len(filled))
        descriptions = data[8 : 8 + 4 * len(filled)].view("<u2")
        descriptions[0::2], descriptions[1::2] = filled, counted - 1
        data[8 + 4 * len(filled) : header].view("<u4")[:] = ends - sizes
        _portable(self.words, filled, counted, ends - sizes, data)
        return BitMap.deserialize(data.tobytes())

    def column(self) -> SetColumn:
        """As an operand of programs."""
        return members_column(self.words)


def members_of(bitmap: BitMap, blocks: int) -> Members:
    """The persons of a roaring bitmap; whoever is beyond the last block is dropped."""
    ids = np.frombuffer(bitmap.to_array(), np.uint32) if bitmap else np.zeros(0, np.uint32)
    words = aligned(blocks * BLOCK_WORDS)
    _set(ids, words)
    cardinalities = np.bitwise_count(words.reshape(blocks, BLOCK_WORDS)).sum(axis=1, dtype=np.int64)
    return Members(words, cardinalities)


@kernel
def _ids(words: Words, cardinalities: Cardinalities, starts: Cardinalities, found: Ids) -> None:
    for block in range(len(cardinalities)):
        if cardinalities[block] == 0:
            continue
        place = starts[block]
        for each in range(block * BLOCK_WORDS, (block + 1) * BLOCK_WORDS):
            word = words[each]
            while word != np.uint64(0):
                found[place] = np.uint32(each * 64 + lowest_bit(word))
                place += 1
                word &= word - np.uint64(1)


@kernel
def _contains(words: Words, ids: npt.NDArray[np.int64], found: npt.NDArray[np.bool_]) -> None:
    for place in range(len(ids)):
        each = ids[place]
        inside = 0 <= each < 64 * len(words)
        found[place] = inside and (words[each >> 6] >> np.uint64(each & 63)) & np.uint64(1) != np.uint64(0)


@kernel
def _set(ids: Ids, words: Words) -> None:
    for person in ids:
        each = signed(person)
        if each < 64 * len(words):
            words[each >> 6] |= np.uint64(1) << np.uint64(each & 63)


@kernel
def _portable(
    words: Words,
    blocks: Cardinalities,
    cardinalities: Cardinalities,
    places: Cardinalities,
    data: npt.NDArray[np.uint8],
) -> None:
    """Writes the containers of a portable bitmap."""
    for index in range(len(blocks)):
        place, first = places[index], blocks[index] * BLOCK_WORDS
        if cardinalities[index] > _ARRAY_MOST:
            for each in range(BLOCK_WORDS):
                word = words[first + each]
                for byte in range(8):
                    data[place] = np.uint8(word >> np.uint64(8 * byte))
                    place += 1
            continue
        for each in range(BLOCK_WORDS):
            word = words[first + each]
            while word != np.uint64(0):
                offset = each * 64 + lowest_bit(word)
                data[place], data[place + 1] = np.uint8(offset & 255), np.uint8(offset >> 8)
                place += 2
                word &= word - np.uint64(1)
