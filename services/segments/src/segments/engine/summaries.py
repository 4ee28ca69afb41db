"""Numbers of an audience, added up from bit slices: how many, their exact sum, smallest and largest, and histograms."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from rules.values import divide_half_even

from segments.engine.algebra import InRange
from segments.engine.answers import counts
from segments.engine.arenas import address_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_BYTES,
    BLOCK_WORDS,
    LINE_WORDS,
    and_container,
    copy,
    count,
)
from segments.engine.lines import LINE_BYTES, count_common_line, halves_in, is_line, words_in
from segments.engine.members import Members
from segments.engine.numbers import (
    FEW,
    NO_HIGH,
    NO_LOW,
    PAGE_LINES,
    PAGES,
    PERSONS,
    SMALLEST,
    STEP,
    WIDTH,
    NumberColumn,
)
from segments.engine.program import program_of
from segments.engine.threads import Cancellation, Threads

_BITS = 64
_COUNTED = _BITS + 3
"""Per block: how many persons have each bit, the lowest first; how many there are; smallest and largest number."""
_COUNT, _LEAST, _MOST = _BITS, _BITS + 1, _BITS + 2

Table = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class Summary:
    """Numbers as the column has them (numbers scaled by 10,000, dates as days, moments as microseconds since 1970);
    `total` may be beyond int64. Without persons `smallest`, `largest` and `mean` are None."""

    persons: int
    total: int
    smallest: int | None
    largest: int | None

    @property
    def mean(self) -> int | None:
        """Half to even."""
        return divide_half_even(self.total, self.persons) if self.persons else None


def summary(
    audience: Members, column: NumberColumn, threads: Threads, cancellation: Cancellation | None = None
) -> Summary:
    """Of those of the audience who have a number. Raises Cancelled."""
    blocks = min(audience.blocks, column.blocks)
    found = np.zeros((blocks, _COUNTED), np.int64)
    found[:, _LEAST], found[:, _MOST] = NO_HIGH, NO_LOW
    knowns = column.knowns

    def work(first: int, last: int) -> None:
        scratch = np.empty(2 * BLOCK_WORDS, np.uint64)
        for block in range(first, last):
            if audience.cardinalities[block]:
                persons = address_of(audience.words) + block * BLOCK_BYTES
                entry, arena = int(knowns.entries[0, block]), address_of(knowns.words)
                _add(
                    persons,
                    entry,
                    arena,
                    column.frames[block],
                    address_of(column.words),
                    scratch,
                    found[block],
                )

    threads.each(blocks, work, cancellation)
    total = 0
    for block in np.flatnonzero(found[:, _COUNT]).tolist():
        levels = sum(persons << bit for bit, persons in enumerate(found[block, :_BITS].tolist()))
        step, smallest = column.frames[block, [STEP, SMALLEST]].tolist()
        total += levels * (step % 2**64) + int(found[block, _COUNT]) * smallest
    persons = int(found[:, _COUNT].sum())
    if not persons:
        return Summary(0, 0, None, None)
    return Summary(persons, total, int(found[:, _LEAST].min()), int(found[:, _MOST].max()))


def histogram(
    audience: Members,
    column: NumberColumn,
    edges: Sequence[int],
    threads: Threads,
    cancellation: Cancellation | None = None,
) -> list[int]:
    """How many of the audience have a number from each edge to before the next; edges ascend. Raises Cancelled."""
    ranges = [InRange(column, low, high - 1) for low, high in pairwise(edges)]
    return counts(program_of(ranges, audience.column()), threads, cancellation)


@kernel
def _add(
    persons: int, known: int, knowns: int, frame: Table, arena: int, scratch: Words, found: Table
) -> None:
    """Counts one block; `persons` is the address of its 1,024 words."""
    register = signed(scratch.ctypes.data)
    copy(register, persons)
    and_container(register, known, knowns, register + BLOCK_BYTES)
    found[_COUNT] = count(register)
    if found[_COUNT] == 0:
        return
    width, smallest, step = frame[WIDTH], np.uint64(frame[SMALLEST]), np.uint64(frame[STEP])
    if width == FEW:
        _add_few(scratch, arena + frame[PAGES] * 8, frame[PERSONS], smallest, step, found)
        return
    least, most = np.uint64(0xFFFFFFFFFFFFFFFF), np.uint64(0)
    for line in range(BLOCK_BYTES // LINE_BYTES):
        here = register + line * LINE_BYTES
        if is_line(here):
            page = arena + frame[PAGES + line // PAGE_LINES] * 8
            slices = page + line % PAGE_LINES * width * LINE_BYTES
            for bit in range(width):
                found[width - 1 - bit] += count_common_line(here, slices + bit * LINE_BYTES)
            least = min(least, _extreme(here, slices, width, np.uint64(0xFFFFFFFFFFFFFFFF)))
            most = max(most, _extreme(here, slices, width, np.uint64(0)))
    found[_LEAST], found[_MOST] = signed(smallest + least * step), signed(smallest + most * step)


@kernel
def _extreme(persons: int, slices: int, width: int, turned: np.uint64) -> np.uint64:
    """The highest level in a line that is not empty; with all bits in `turned` the lowest."""
    left = words_in(persons, LINE_WORDS).copy()
    level = np.uint64(0)
    for bit in range(width):
        bits = words_in(slices + bit * LINE_BYTES, LINE_WORDS)
        found = np.uint64(0)
        for each in range(LINE_WORDS):
            found |= left[each] & (bits[each] ^ turned)
        level <<= np.uint64(1)
        if found != np.uint64(0):
            for each in range(LINE_WORDS):
                left[each] &= bits[each] ^ turned
            level |= np.uint64(1) & ~turned
        else:
            level |= np.uint64(1) & turned
    return level


@kernel
def _add_few(
    scratch: Words, place: int, persons: int, smallest: np.uint64, step: np.uint64, found: Table
) -> None:
    numbers, offsets = words_in(place, persons), halves_in(place + 8 * persons, persons)
    for each in range(persons):
        offset = signed(offsets[each])
        if (scratch[offset >> 6] >> np.uint64(offset & 63)) & np.uint64(1) != np.uint64(0):
            number = signed(numbers[each])
            found[_LEAST], found[_MOST] = min(found[_LEAST], number), max(found[_MOST], number)
            level, bit = (numbers[each] - smallest) // step, 0
            while level != np.uint64(0):
                found[bit] += signed(level & np.uint64(1))
                level >>= np.uint64(1)
                bit += 1
