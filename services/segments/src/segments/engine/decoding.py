"""Values of a block's persons, read back out of containers and slices."""

from collections.abc import Sequence
from dataclasses import replace
from typing import cast

import numpy as np
import numpy.typing as npt
from rules.evaluate.events import Column
from rules.values import Kind

from segments.domain.packing import Coded
from segments.engine.arenas import address_of
from segments.engine.columns import TagColumn
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_SIZE,
    BLOCK_WORDS,
    CARDINALITY_MASK,
    CARDINALITY_SHIFT,
    LINE_WORDS,
    expand,
)
from segments.engine.lines import halves_in, lowest_bit, words_in
from segments.engine.numbers import (
    FEW,
    PAGE_WORDS,
    PAGES,
    PERSONS,
    SMALLEST,
    STEP,
    WIDTH,
    NumberColumn,
)
from segments.engine.sets import SetColumn

Numbers = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


def values_of(column: TagColumn, block: int) -> Column:
    """The values of the block's 65,536 persons, of a tag that is not multi-valued. Texts are numbered by their code."""
    texts = cast(Sequence[str], column.by_code) if column.kind is Kind.TEXT else ()
    known, codes = _one_each(column.column, block)
    return Column(column.kind, known, column.packed(codes), texts)


def numbers_of(column: NumberColumn, block: int) -> Numbers:
    """int64 [65,536]: the number of each person; of who has none it means nothing."""
    data = np.zeros(BLOCK_SIZE, np.int64)
    if block < column.blocks:
        _numbers(column.frames[block], address_of(column.words), data)
    return data


def coded_of(column: TagColumn, block: int) -> Coded:
    """The known values of one block, self-contained, as the columns of segments.index give them."""
    held = codes_in(column.column, block)
    return replace(held, codes=column.packed(held.codes), texts=column.texts(held.codes))


def codes_in(column: SetColumn | NumberColumn, block: int) -> Coded:
    """Who of a block has which codes of the column, without what those stand for."""
    if isinstance(column, SetColumn) and not column.single:
        return Coded(*_lists(column, block))
    known, codes = _one_each(column, block)
    offsets = np.flatnonzero(known)
    return Coded(offsets.astype(np.uint16), np.ones(len(offsets), np.uint16), codes[offsets])


def _one_each(column: SetColumn | NumberColumn, block: int) -> tuple[npt.NDArray[np.bool_], Numbers]:
    """[65,536] each: who of a block has a code, and which; 0 for whoever has none."""
    if isinstance(column, NumberColumn):
        known = persons_of(column.knowns, 0, block)
        return known, np.where(known, numbers_of(column, block), 0)  # a day that nobody has may be no day
    if not column.single:
        raise TypeError("a multi-valued tag has no single values")
    codes = np.zeros(BLOCK_SIZE, np.int64)
    if block < column.blocks:
        entries = np.ascontiguousarray(column.entries[:-1, block])
        _rows(entries, address_of(column.words), np.empty(BLOCK_WORDS, np.uint64), codes)
    return persons_of(column, column.known, block), codes


def _lists(column: SetColumn, block: int) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.uint16], Numbers]:
    """(offsets ascending, how many values each has, the rows of all, ascending within a person)"""
    if block >= column.blocks:
        return np.zeros(0, np.uint16), np.zeros(0, np.uint16), np.zeros(0, np.int64)
    entries = np.ascontiguousarray(column.entries[:-1, block])
    size = int(((entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK).sum())
    offsets, rows = np.empty(size, np.uint16), np.empty(size, np.int64)
    _pairs(entries, address_of(column.words), np.empty(BLOCK_WORDS, np.uint64), offsets, rows)
    order = np.argsort(offsets, kind="stable")
    persons, counts = np.unique(offsets, return_counts=True)
    return persons, counts.astype(np.uint16), rows[order]


def persons_of(column: SetColumn, row: int, block: int) -> npt.NDArray[np.bool_]:
    """bool [65,536]: who of a block is in a row."""
    words = np.zeros(BLOCK_WORDS, np.uint64)
    if block < column.blocks:
        _persons(int(column.entries[row, block]), address_of(column.words), words)
    return np.unpackbits(words.view(np.uint8), bitorder="little").view(np.bool_)


@kernel
def _persons(entry: int, arena: int, words: Words) -> None:
    found = words_in(expand(entry, arena, signed(words.ctypes.data)), BLOCK_WORDS)
    for each in range(BLOCK_WORDS):
        words[each] = found[each]


@kernel
def _rows(entries: Numbers, arena: int, scratch: Words, data: Numbers) -> None:
    """The row of each person; who has none keeps what is there."""
    for row in range(len(entries)):
        if entries[row] == 0:
            continue
        words = words_in(expand(entries[row], arena, signed(scratch.ctypes.data)), BLOCK_WORDS)
        for each in range(BLOCK_WORDS):
            word = words[each]
            while word != np.uint64(0):
                data[each * 64 + lowest_bit(word)] = row
                word &= word - np.uint64(1)


@kernel
def _pairs(
    entries: Numbers, arena: int, scratch: Words, offsets: npt.NDArray[np.uint16], rows: Numbers
) -> None:
    """(person, row) of all rows one after the other."""
    place = 0
    for row in range(len(entries)):
        if entries[row] == 0:
            continue
        words = words_in(expand(entries[row], arena, signed(scratch.ctypes.data)), BLOCK_WORDS)
        for each in range(BLOCK_WORDS):
            word = words[each]
            while word != np.uint64(0):
                offsets[place], rows[place] = np.uint16(each * 64 + lowest_bit(word)), row
                place += 1
                word &= word - np.uint64(1)


@kernel
def _numbers(frame: Numbers, arena: int, data: Numbers) -> None:
    """The number of each person; of who has none it means nothing."""
    width, smallest, step = frame[WIDTH], np.uint64(frame[SMALLEST]), np.uint64(frame[STEP])
    if width == FEW:
        persons, place = frame[PERSONS], arena + frame[PAGES] * 8
        numbers, offsets = words_in(place, persons), halves_in(place + 8 * persons, persons)
        for each in range(persons):
            data[signed(offsets[each])] = signed(numbers[each])
        return
    levels = np.zeros(64, np.uint64)
    for word in range(BLOCK_WORDS):
        levels[:] = np.uint64(0)
        line, lane = word % PAGE_WORDS // LINE_WORDS, word % LINE_WORDS
        slices = words_in(arena + frame[PAGES + word // PAGE_WORDS] * 8, width * PAGE_WORDS)
        for bit in range(width):
            bits = slices[(line * width + bit) * LINE_WORDS + lane]
            for each in range(64):
                levels[each] = (levels[each] << np.uint64(1)) | ((bits >> np.uint64(each)) & np.uint64(1))
        for each in range(64):
            data[word * 64 + each] = signed(smallest + levels[each] * step)
