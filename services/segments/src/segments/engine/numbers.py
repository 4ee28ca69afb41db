"""Columns of numbers: numbers, dates, moments and codes of texts with many values, as bit slices per block.

A block has a frame: its smallest number, the step that all its numbers are multiples of from there, its largest. The
slices hold (number - smallest) / step, so whole numbers with four decimals or moments at whole seconds take no room for
their zeros. Lines of 512 persons lie together, the highest bit first: a range is decided after a few of them, and the
rest is not read. Eight lines are a page, what a new version copies when one person's number changes. A block in which
few persons have a number stores their numbers as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import Words, address_of, arena_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_BYTES,
    BLOCK_SIZE,
    BLOCK_WORDS,
    LINE_WORDS,
    and_container,
    and_register,
    clear,
)
from segments.engine.lines import (
    LINE_BYTES,
    RANGE_LINES,
    between_lines,
    halves_in,
    high_lines,
    is_line,
    low_lines,
    prefetch,
    words_in,
)
from segments.engine.sets import CodedBlock, SetColumn, set_column
from segments.engine.threads import Threads

FEW_MOST = 1_024
"""Persons with a number up to which a block stores them as they are."""
NUMBER_PAGES = 16
PAGE_LINES = BLOCK_BYTES // LINE_BYTES // NUMBER_PAGES
PAGE_WORDS = PAGE_LINES * LINE_WORDS
"""Words of a page for each bit of the width."""
SMALLEST, LARGEST, STEP, WIDTH, PERSONS, PAGES = range(6)
FRAME = PAGES + NUMBER_PAGES
FEW = -1
"""The width of a block that stores numbers as they are."""
LINES_AHEAD = 4
"""Lines of persons whose slices are asked for before they are read: about what the memory takes to answer."""
LINES_UNTIL_DECIDED = 10
"""Bits until none of 512 persons is equal to an end of a range any more: their binary logarithm, and one."""
NO_LOW, NO_HIGH = -(2**63), 2**63 - 1
"""Ends that every number is within."""

Numbers = npt.NDArray[np.int64]
Offsets = npt.NDArray[np.uint16]


@dataclass(frozen=True, slots=True)
class NumberBlock:
    """Who has which number in one block.

    `numbers`  int64
    `offsets`  uint16 ascending; None: `numbers[i]` is that of person i
    """

    numbers: Numbers
    offsets: Offsets | None = None


@dataclass(frozen=True, eq=False)
class NumberColumn:
    """An immutable version of a column.

    `frames`  int64 [blocks, FRAME]: smallest, largest, step, width (bits, or FEW), persons, then where in `words` each
              page is; of FEW all places are the first
    `words`   the arena of slices; of a block with few: their numbers, then their offsets as uint16
    `knowns`  a column without values: whoever has a number
    `hold`    as of a column of sets
    """

    frames: Numbers
    words: Words
    knowns: SetColumn
    hold: object | None = None

    @property
    def blocks(self) -> int:
        return len(self.frames)

    @property
    def bytes(self) -> int:
        """What the column takes in memory."""
        return self.frames.nbytes + self.words.nbytes + self.knowns.bytes

    @cached_property
    def persons(self) -> int:
        """How many have a number."""
        return int(self.frames[:, PERSONS].sum())

    @cached_property
    def cost(self) -> float:
        """Of a range, in dense containers read per block, about: for the order of operands."""
        slices = np.clip(self.frames[:, WIDTH], 0, LINES_UNTIL_DECIDED)
        return float(slices.mean()) if self.blocks else 0.0

    def share(self, low: int, high: int) -> float:
        """About which share of the persons with a number has one from low to high, as if those of a block were spread
        evenly; for the order of operands only."""
        smallest, spans, persons = self._spread
        inside = np.minimum(float(high) - smallest, spans) - np.maximum(float(low) - smallest, 0.0)
        shares = np.clip((inside + 1.0) / (spans + 1.0), 0.0, 1.0)
        return float(shares @ persons) / self.persons if self.persons else 0.0

    @cached_property
    def _spread(self) -> tuple[npt.NDArray[np.float64], ...]:
        smallest, largest, persons = (
            self.frames[:, each].astype(float) for each in (SMALLEST, LARGEST, PERSONS)
        )
        return smallest, np.maximum(largest - smallest, 0.0), persons


def number_column(blocks: Sequence[NumberBlock | None], threads: Threads) -> NumberColumn:
    """Builds a column from its blocks in order, None where nobody has a number."""
    frames = no_frames(len(blocks))

    def measure(first: int, last: int) -> None:
        for place in range(first, last):
            if (block := blocks[place]) is not None and len(block.numbers):
                find_frame(block.numbers, frames[place])

    threads.each(len(blocks), measure)
    words = arena_of_frames(frames)

    def write(first: int, last: int) -> None:
        for place in range(first, last):
            if (block := blocks[place]) is not None and len(block.numbers):
                offsets = np.arange(len(block.numbers), dtype=np.uint16)
                write_slices(
                    block.numbers,
                    offsets if block.offsets is None else block.offsets,
                    frames[place],
                    address_of(words),
                )

    threads.each(len(blocks), write)
    return NumberColumn(frames, words, _knowns(blocks, threads))


def no_frames(blocks: int) -> Numbers:
    """Of blocks in which nobody has a number."""
    frames = np.zeros((blocks, FRAME), np.int64)
    frames[:, SMALLEST], frames[:, LARGEST], frames[:, STEP] = NO_HIGH, NO_LOW, 1
    return frames


def arena_of_frames(frames: Numbers, rest: int = 0) -> Words:
    """Zeros for the slices of blocks, whose places are put into their frames; with `rest` more words at the end."""
    few = frames[:, WIDTH] == FEW
    sizes = np.where(few, frames[:, PERSONS] + (frames[:, PERSONS] + 3) // 4, frames[:, WIDTH] * BLOCK_WORDS)
    words, starts = arena_of(sizes, dense=~few, pages=rest)
    pages = np.where(few, 0, frames[:, WIDTH] * PAGE_WORDS)
    frames[:, PAGES:] = starts[:, None] + pages[:, None] * np.arange(NUMBER_PAGES)
    return words


def _knowns(blocks: Sequence[NumberBlock | None], threads: Threads) -> SetColumn:
    zeros = np.zeros(BLOCK_SIZE, np.uint16)
    coded = [
        None if each is None else CodedBlock(zeros[: len(each.numbers)], each.offsets) for each in blocks
    ]
    whole = set_column(coded, 1, threads)
    return SetColumn(whole.entries[1:], whole.words, single=True)


@kernel
def _divisor(one: np.uint64, other: np.uint64) -> np.uint64:
    """The greatest common one."""
    while other != np.uint64(0):
        one, other = other, one % other
    return one


@kernel
def find_frame(numbers: Numbers, frame: Numbers) -> None:
    """Finds the block's frame without its place."""
    smallest = largest = numbers[0]
    for each in numbers:
        smallest, largest = min(smallest, each), max(largest, each)
    step = np.uint64(0)
    for each in numbers:
        distance = np.uint64(each) - np.uint64(smallest)
        if step == np.uint64(0) or distance % step != np.uint64(0):
            step = _divisor(distance, step)
            if step == np.uint64(1):
                break
    if step == np.uint64(0):
        step = np.uint64(1)
    rest, width = (np.uint64(largest) - np.uint64(smallest)) // step, 0
    while rest != np.uint64(0):
        rest >>= np.uint64(1)
        width += 1
    frame[SMALLEST], frame[LARGEST], frame[STEP] = smallest, largest, signed(step)
    frame[WIDTH] = FEW if len(numbers) <= FEW_MOST and width > 0 else width
    frame[PERSONS] = len(numbers)


@kernel
def write_slices(numbers: Numbers, offsets: Offsets, frame: Numbers, arena: int) -> None:
    """Fills the block's part of a zero arena."""
    width = frame[WIDTH]
    if width == FEW:
        place = arena + frame[PAGES] * 8
        words = words_in(place, FEW_MOST)
        halves = halves_in(place + 8 * len(numbers), FEW_MOST)
        for each in range(len(numbers)):
            words[each] = np.uint64(numbers[each])
            halves[each] = offsets[each]
        return
    smallest, step = np.uint64(frame[SMALLEST]), np.uint64(frame[STEP])
    levels = np.zeros(BLOCK_SIZE, np.uint64)
    for each in range(len(numbers)):
        levels[signed(offsets[each])] = (np.uint64(numbers[each]) - smallest) // step
    for word in range(BLOCK_WORDS):
        group = levels[64 * word : 64 * word + 64]
        line, lane = word % PAGE_WORDS // LINE_WORDS, word % LINE_WORDS
        slices = words_in(arena + frame[PAGES + word // PAGE_WORDS] * 8, width * PAGE_WORDS)
        for bit in range(width):
            shift = np.uint64(width - 1 - bit)
            found = np.uint64(0)
            for each in range(64):
                found |= ((group[each] >> shift) & np.uint64(1)) << np.uint64(each)
            slices[(line * width + bit) * LINE_WORDS + lane] = found


@kernel
def range_block(
    register: int, frame: int, known: int, arena: int, knowns: int, low: int, high: int, scratch: int
) -> int:
    """Keeps of a register whoever has a number from low to high; 0 when nobody is left, for sure only if somebody was
    in it before. `frame` is an address, `known` an entry of the arena `knowns`."""
    frames = words_in(frame, FRAME)
    smallest, largest = signed(frames[SMALLEST]), signed(frames[LARGEST])
    if high < smallest or low > largest or low > high:
        clear(register)
        return 0
    left = and_container(register, known, knowns, scratch)
    if left == 0 or (low <= smallest and high >= largest):
        return left
    width = signed(frames[WIDTH])
    if width == FEW:
        place = arena + signed(frames[PAGES]) * 8
        return _range_few(register, place, signed(frames[PERSONS]), low, high, scratch)
    step = frames[STEP]
    low_level = high_level = np.uint64(0)
    ends = 0
    if low > smallest:
        distance = np.uint64(low) - np.uint64(smallest)
        low_level = distance // step
        if low_level * step != distance:
            low_level += np.uint64(1)
        ends |= 1
    if high < largest:
        high_level = (np.uint64(high) - np.uint64(smallest)) // step
        ends |= 2
    low_end, high_end = signed(low_level), signed(high_level)
    ahead = LINES_AHEAD * width * LINE_BYTES
    left = 0
    for line in range(0, BLOCK_BYTES // LINE_BYTES, RANGE_LINES):
        target = register + line * LINE_BYTES
        if is_line(target) | is_line(target + LINE_BYTES):
            page = arena + signed(frames[PAGES + line // PAGE_LINES]) * 8
            slices = page + line % PAGE_LINES * width * LINE_BYTES
            for bit in range(0, width * LINE_BYTES * RANGE_LINES, LINE_BYTES):
                prefetch(slices + ahead + bit)
            if ends == 1:
                left |= low_lines(target, slices, width, low_end, high_end)
            elif ends == 2:
                left |= high_lines(target, slices, width, low_end, high_end)
            else:
                left |= between_lines(target, slices, width, low_end, high_end)
    return left


@kernel
def _range_few(register: int, place: int, persons: int, low: int, high: int, scratch: int) -> int:
    numbers = words_in(place, FEW_MOST)
    offsets = halves_in(place + 8 * persons, FEW_MOST)
    clear(scratch)
    words = words_in(scratch, BLOCK_WORDS)
    for each in range(persons):
        number, offset = signed(numbers[each]), signed(offsets[each])
        if low <= number <= high:
            words[offset >> 6] |= np.uint64(1) << np.uint64(offset & 63)
    return and_register(register, scratch)
