"""What single persons have in columns: in a row of a set, which code, which number."""

from typing import Any

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import LINE_WORDS, address_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_BITS,
    BLOCK_SIZE,
    BLOCK_WORDS,
    DENSE,
    EMPTY,
    FULL,
    RUN,
    SPARSE,
    cardinality_of,
    kind_of,
    place_of,
)
from segments.engine.lines import bytes_in, halves_in, words_in
from segments.engine.numbers import (
    FEW,
    FEW_MOST,
    FRAME,
    PAGE_WORDS,
    PAGES,
    PERSONS,
    SMALLEST,
    STEP,
    WIDTH,
    NumberColumn,
)
from segments.engine.sets import CODE_PAGE_SIZE, CODE_PAGES, SetColumn

COLUMN = 8
ENTRIES, ARENA, BLOCKS, VALUES, CODES, WIDE, FRAMES, SLICES = range(COLUMN)
"""Of a column, addresses but BLOCKS, VALUES and WIDE: entries and arena of its sets, of numbers those of whoever has
one; places of its codes, 0: none; frames and arena of its numbers, 0: none."""

Table = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Halves = npt.NDArray[np.uint16]
Word = Any
"""uint64"""


def row_of(column: SetColumn | NumberColumn) -> list[int]:
    """What kernels read of a column; whoever passes it on keeps the column alive."""
    sets = column.knowns if isinstance(column, NumberColumn) else column
    frames = slices = 0
    if isinstance(column, NumberColumn):
        frames, slices = address_of(column.frames), address_of(column.words)
    codes = 0 if sets.codes is None else address_of(sets.codes)
    entries, arena = address_of(sets.entries), address_of(sets.words)
    return [entries, arena, sets.blocks, sets.values, codes, int(sets.wide), frames, slices]


@kernel
def persons_in(column: Table, row: int, persons: Table) -> Word:
    """Who of up to 64 persons, one bit each, is in a row."""
    found, last, entry = np.uint64(0), -1, EMPTY
    entries = words_in(column[ENTRIES] + row * column[BLOCKS] * 8, column[BLOCKS])
    for lane in range(len(persons)):
        block = persons[lane] >> BLOCK_BITS
        if persons[lane] < 0 or block >= column[BLOCKS]:
            continue
        if block != last:
            last, entry = block, signed(entries[block])
        if _has(entry, column[ARENA], persons[lane] & (BLOCK_SIZE - 1)):
            found |= np.uint64(1) << np.uint64(lane)
    return found


@kernel
def _has(entry: int, arena: int, offset: int) -> bool:
    kind, place = kind_of(entry), place_of(entry, arena)
    if kind == DENSE:
        word = words_in(place, BLOCK_WORDS)[offset >> 6]
        return bool((word >> np.uint64(offset & 63)) & np.uint64(1))
    if kind == SPARSE:
        members = halves_in(place, BLOCK_SIZE)
        count = cardinality_of(entry)
        place = _first_from(members, 1, 0, count, offset)
        return place < count and signed(members[place]) == offset
    if kind == RUN:
        ends = halves_in(place, BLOCK_SIZE + 1)
        count = signed(ends[0])
        place = _first_from(ends, 2, 2, count, offset)
        return place < count and signed(ends[1 + 2 * place]) <= offset
    return kind == FULL


@kernel
def _first_from(halves: Halves, step: int, start: int, count: int, least: int) -> int:
    """The first of `count` ascending numbers, each `step` on from `start`, that is not below `least`."""
    low, high = 0, count
    while low < high:
        middle = (low + high) >> 1
        if signed(halves[start + step * middle]) < least:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def look_up_codes(column: Table, persons: Table, codes: Halves) -> None:
    """Writes each person's code, 0 where there is none."""
    for lane in range(len(persons)):
        codes[lane] = np.uint16(0)
        block, offset = persons[lane] >> BLOCK_BITS, persons[lane] & (BLOCK_SIZE - 1)
        if persons[lane] < 0 or block >= column[BLOCKS]:
            continue
        page = block * CODE_PAGES + offset // CODE_PAGE_SIZE
        place = signed(words_in(column[CODES], column[BLOCKS] * CODE_PAGES)[page])
        if place < 0:
            continue
        address = column[ARENA] + place * 8
        if column[WIDE]:
            codes[lane] = halves_in(address, CODE_PAGE_SIZE)[offset % CODE_PAGE_SIZE]
        else:
            codes[lane] = np.uint16(bytes_in(address, CODE_PAGE_SIZE)[offset % CODE_PAGE_SIZE])


@kernel
def look_up_numbers(column: Table, persons: Table, known: Word, numbers: Table) -> None:
    """Writes the number of each person who has one: those whose bit of `known` is set."""
    for lane in range(len(persons)):
        if (known >> np.uint64(lane)) & np.uint64(1):
            frame = words_in(column[FRAMES] + (persons[lane] >> BLOCK_BITS) * FRAME * 8, FRAME)
            numbers[lane] = _number(frame, column[SLICES], persons[lane] & (BLOCK_SIZE - 1))


@kernel
def _number(frame: Words, arena: int, offset: int) -> int:
    width = signed(frame[WIDTH])
    if width == FEW:
        place, persons = arena + signed(frame[PAGES]) * 8, signed(frame[PERSONS])
        each = _first_from(halves_in(place + 8 * persons, FEW_MOST), 1, 0, persons - 1, offset)
        return signed(words_in(place, FEW_MOST)[each])
    word = offset >> 6
    slices = words_in(arena + signed(frame[PAGES + word // PAGE_WORDS]) * 8, width * PAGE_WORDS)
    start = word % PAGE_WORDS // LINE_WORDS * width * LINE_WORDS + word % LINE_WORDS
    level, shift = np.uint64(0), np.uint64(offset & 63)
    for each in range(width):
        level = (level << np.uint64(1)) | ((slices[start + each * LINE_WORDS] >> shift) & np.uint64(1))
    return signed(frame[SMALLEST] + level * frame[STEP])
