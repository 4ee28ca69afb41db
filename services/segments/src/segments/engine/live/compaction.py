"""Columns built anew from their own containers, each in its smallest form, with room behind them for new versions."""

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import Words, address_of, aligned, arena_of, lined
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_SIZE,
    BLOCK_WORDS,
    CARDINALITY_MASK,
    CARDINALITY_SHIFT,
    DENSE,
    OFFSET_SHIFT,
    cardinality_of,
    expand,
    kind_of,
    place_of,
)
from segments.engine.lines import bytes_in, halves_in, lowest_bit, words_in
from segments.engine.live.frames import decode
from segments.engine.live.rooms import Room
from segments.engine.live.writing import runs_of, write_form
from segments.engine.numbers import (
    FEW,
    WIDTH,
    NumberColumn,
    arena_of_frames,
    find_frame,
    no_frames,
    write_slices,
)
from segments.engine.sets import (
    CODE_PAGE_SIZE,
    CODE_PAGES,
    CODED_FROM,
    NARROW_MOST,
    SetColumn,
    code_places,
    forms,
    page_words,
)
from segments.engine.threads import Cancellation, Threads

SLACK_LEAST = 1 << 17
SLACK_TIMES = 3
"""Words behind a column, and how often as many as it has: all of it may be written a second time, and a version beside
those that are read besides. They take memory when they are used."""

Table = npt.NDArray[np.int64]


def slack_of(words: int) -> int:
    """Words of room behind a column of so many."""
    return lined(SLACK_LEAST + SLACK_TIMES * words)


def compacted_sets(
    column: SetColumn, threads: Threads, cancellation: Cancellation | None = None, least: int = 0
) -> SetColumn:
    """The same values in an arena of its own, as if they were built from scratch; at least `least` words are left.

    Raises Cancelled.
    """
    entries, values, blocks = column.entries, column.values, column.blocks
    cardinalities = np.ascontiguousarray(((entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK).T)
    runs = np.zeros((blocks, values + 1), np.int64)
    source = address_of(column.words)

    def measure(first: int, last: int) -> None:
        _count_runs(entries, source, first, last, runs, aligned(BLOCK_WORDS))

    threads.each(blocks, measure, cancellation)
    kinds, sizes = forms(cardinalities, runs)
    coded = column.single and values > CODED_FROM
    wide, known = values > NARROW_MOST, cardinalities[:, values] > 0
    pages = CODE_PAGES * page_words(wide) * int(known.sum()) if coded else 0
    base = int(sizes.sum()) + 8 * int((kinds == DENSE).sum()) + pages
    slack = max(slack_of(base), lined(least))
    words, places = arena_of(sizes.T, dense=kinds.T == DENSE, pages=pages + slack)
    new = np.ascontiguousarray(kinds.T | (cardinalities.T << CARDINALITY_SHIFT) | (places << OFFSET_SHIFT))
    codes = code_places(known, len(words) - pages - slack, wide) if coded else None
    targets = np.full((blocks, CODE_PAGES), -1, np.int64) if codes is None else codes

    def write(first: int, last: int) -> None:
        target, scratch = address_of(words), aligned(BLOCK_WORDS)
        _rewrite(entries, source, new, target, first, last, scratch)
        if codes is not None:
            _recode(entries, source, targets, target, wide, first, last, scratch)

    threads.each(blocks, write, cancellation)
    room = Room(words, len(words) - slack)
    return SetColumn(new, words, column.single, codes, wide, room.first())


@kernel
def _count_runs(entries: Table, arena: int, first: int, last: int, runs: Table, scratch: Words) -> None:
    register = signed(scratch.ctypes.data)
    for block in range(first, last):
        for row in range(len(entries)):
            runs[block, row] = runs_of(expand(entries[row, block], arena, register))


@kernel
def _rewrite(
    entries: Table, source: int, new: Table, target: int, first: int, last: int, scratch: Words
) -> None:
    register = signed(scratch.ctypes.data)
    for block in range(first, last):
        for row in range(len(entries)):
            entry = new[row, block]
            write_form(kind_of(entry), place_of(entry, target), expand(entries[row, block], source, register))


@kernel
def _recode(
    entries: Table, source: int, pages: Table, target: int, wide: bool, first: int, last: int, scratch: Words
) -> None:
    """Writes the code of each person, into zeros."""
    register = signed(scratch.ctypes.data)
    for block in range(first, last):
        for row in range(len(entries) - 1):
            if cardinality_of(entries[row, block]) == 0:
                continue
            words = words_in(expand(entries[row, block], source, register), BLOCK_WORDS)
            for each in range(BLOCK_WORDS):
                word = words[each]
                while word != np.uint64(0):
                    offset = each * 64 + lowest_bit(word)
                    word &= word - np.uint64(1)
                    address = target + pages[block, offset // CODE_PAGE_SIZE] * 8
                    if wide:
                        halves_in(address, BLOCK_SIZE)[offset % CODE_PAGE_SIZE] = np.uint16(row + 1)
                    else:
                        bytes_in(address, BLOCK_SIZE)[offset % CODE_PAGE_SIZE] = np.uint8(row + 1)


def compacted_numbers(
    column: NumberColumn, threads: Threads, cancellation: Cancellation | None = None, least: int = 0
) -> NumberColumn:
    """As `compacted_sets`."""
    frames, blocks, source = column.frames, column.blocks, address_of(column.words)
    olds, knowns = np.ascontiguousarray(column.knowns.entries[0]), address_of(column.knowns.words)
    new = no_frames(blocks)

    def measure(first: int, last: int) -> None:
        _reframe(frames, olds, source, knowns, new, first, last, 0)

    threads.each(blocks, measure, cancellation)
    width = np.where(new[:, WIDTH] == FEW, 0, new[:, WIDTH])
    slack = max(slack_of(int(width.sum()) * BLOCK_WORDS), lined(least))
    words = arena_of_frames(new, slack)

    def write(first: int, last: int) -> None:
        _reframe(frames, olds, source, knowns, new, first, last, address_of(words))

    threads.each(blocks, write, cancellation)
    room = Room(words, len(words) - slack)
    whose = compacted_sets(column.knowns, threads, cancellation, least)
    return NumberColumn(new, words, whose, room.first())


@kernel
def _reframe(
    frames: Table, knowns: Table, arena: int, known_arena: int, new: Table, first: int, last: int, target: int
) -> None:
    """Finds frames without a target, writes slices with one."""
    offsets, numbers = np.empty(BLOCK_SIZE, np.int64), np.empty(BLOCK_SIZE, np.int64)
    for block in range(first, last):
        count = decode(frames[block], knowns[block], arena, known_arena, offsets, numbers)
        if count > 0 and target == 0:
            find_frame(numbers[:count], new[block])
        elif count > 0:
            write_slices(numbers[:count], offsets[:count].astype(np.uint16), new[block], target)
