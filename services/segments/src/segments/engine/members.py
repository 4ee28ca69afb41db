"""Who is in a set of persons: one bit each, and out into ids and portable roaring bitmaps."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap

from segments.engine.arenas import Words, aligned
from segments.engine.compiled import kernel, signed
from segments.engine.containers import BLOCK_WORDS
from segments.engine.lines import count_word, lowest_bit
from segments.engine.sets import SetColumn, members_column
from segments.engine.threads import Threads

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

    def ids(self, threads: Threads | None = None) -> Ids:
        """uint32, ascending."""
        found = np.empty(len(self), np.uint32)
        starts = np.cumsum(self.cardinalities) - self.cardinalities

        def write(first: int, last: int) -> None:
            _ids(self.words, self.cardinalities, first, last, starts, found)

        if threads is None:
            write(0, self.blocks)
        else:
            threads.each(self.blocks, write)
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


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """uint32 ids, ascending."""

    entered: Ids
    left: Ids


def difference(before: Members, after: Members, threads: Threads) -> Difference:
    """Who is in one of two sets with the same number of blocks and not in the other."""
    counted = np.zeros((2, after.blocks), np.int64)
    threads.each(
        after.blocks, lambda first, last: _count_moved(before.words, after.words, first, last, counted)
    )
    ends = np.cumsum(counted, axis=1)
    entered, left = (np.empty(int(each[-1]) if len(each) else 0, np.uint32) for each in ends)
    starts = ends - counted

    def write(first: int, last: int) -> None:
        _write_moved(before.words, after.words, first, last, counted, starts, entered, left)

    threads.each(after.blocks, write)
    return Difference(entered, left)


@kernel
def _count_moved(before: Words, after: Words, first: int, last: int, counted: Cardinalities) -> None:
    for block in range(first, last):
        entered = left = 0
        for each in range(block * BLOCK_WORDS, (block + 1) * BLOCK_WORDS):
            moved = before[each] ^ after[each]
            if moved != np.uint64(0):
                entered += count_word(moved & after[each])
                left += count_word(moved & before[each])
        counted[0, block], counted[1, block] = entered, left


@kernel
def _write_moved(
    before: Words,
    after: Words,
    first: int,
    last: int,
    counted: Cardinalities,
    starts: Cardinalities,
    entered: Ids,
    left: Ids,
) -> None:
    for block in range(first, last):
        if counted[0, block] + counted[1, block] == 0:
            continue
        entering, leaving = starts[0, block], starts[1, block]
        for each in range(block * BLOCK_WORDS, (block + 1) * BLOCK_WORDS):
            moved = before[each] ^ after[each]
            while moved != np.uint64(0):
                bit = lowest_bit(moved)
                if (after[each] >> np.uint64(bit)) & np.uint64(1) != np.uint64(0):
                    entered[entering] = np.uint32(each * 64 + bit)
                    entering += 1
                else:
                    left[leaving] = np.uint32(each * 64 + bit)
                    leaving += 1
                moved &= moved - np.uint64(1)


@kernel
def _ids(
    words: Words, cardinalities: Cardinalities, first: int, last: int, starts: Cardinalities, found: Ids
) -> None:
    for block in range(first, last):
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
