"""Kernels that make new containers and codes of old ones and those who enter and leave."""

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import LINE_WORDS
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_BITS,
    BLOCK_SIZE,
    BLOCK_WORDS,
    DENSE,
    OFFSET_SHIFT,
    SPARSE,
    SPARSE_MOST,
    cardinality_of,
    copy,
    expand,
    kind_of,
)
from segments.engine.lines import bytes_in, halves_in, words_in
from segments.engine.live.changes import PERSON_MASK, ROW_SHIFT
from segments.engine.live.rooms import NO_ROOM, Moves, State, moved
from segments.engine.live.writing import (
    DENSE_LINES,
    UNASKED,
    entry_of,
    form_of,
    lines_of,
    runs_of,
    write_form,
)
from segments.engine.sets import CODE_PAGE_SIZE, CODE_PAGES

Numbers = npt.NDArray[np.int64]

MISFIT = -2
SPARSE_AGAIN = SPARSE_MOST // 2
"""A dense container becomes sparse below so many persons: one at the border does not change its form with each."""


@kernel
def flip_rows(flips: Numbers, entries: Numbers, state: State, arena: int, moves: Moves, scratch: int) -> int:
    """Writes the containers of rows that change, and their entries [rows, blocks]; 0, NO_ROOM or MISFIT.

    `scratch` is a register.
    """
    first = 0
    while first < len(flips):
        group = flips[first] >> (BLOCK_BITS + 1)
        last = first + 1
        while last < len(flips) and flips[last] >> (BLOCK_BITS + 1) == group:
            last += 1
        row, block = flips[first] >> ROW_SHIFT, group & ((1 << (ROW_SHIFT - BLOCK_BITS - 1)) - 1)
        entry = _flipped(flips[first:last], entries[row, block], state, arena, moves, scratch)
        if entry < 0:
            return entry
        entries[row, block] = entry
        first = last
    return 0


@kernel
def _flipped(flips: Numbers, entry: int, state: State, arena: int, moves: Moves, scratch: int) -> int:
    """The entry of a container with its flips, NO_ROOM or MISFIT."""
    kind, cardinality = kind_of(entry), cardinality_of(entry)
    old, old_lines = entry >> OFFSET_SHIFT, lines_of(entry, arena)
    entering = 0
    for each in flips:
        entering += each & 1
    after = cardinality + 2 * entering - len(flips)
    if after < 0 or after > BLOCK_SIZE:
        return MISFIT
    if kind == DENSE and SPARSE_AGAIN <= after < BLOCK_SIZE:
        place = moved(state, arena, moves, DENSE_LINES, old, old_lines)
        if place == NO_ROOM:
            return NO_ROOM
        copy(arena + place * 8, arena + old * 8)
        return entry_of(DENSE, after, place) if _flip(flips, arena + place * 8) else MISFIT
    if kind == SPARSE and 0 < after <= SPARSE_MOST:
        place = moved(state, arena, moves, _lines(after), old, old_lines)
        if place == NO_ROOM:
            return NO_ROOM
        fits = _merge(flips, arena + old * 8, cardinality, arena + place * 8, after)
        return entry_of(SPARSE, after, place) if fits else MISFIT
    source = expand(entry, arena, scratch)
    if source != scratch:
        copy(scratch, source)
    if not _flip(flips, scratch):
        return MISFIT
    runs = UNASKED if kind in (SPARSE, DENSE) else runs_of(scratch)
    form, words = form_of(after, runs)
    place = moved(state, arena, moves, (words + LINE_WORDS - 1) // LINE_WORDS, old, old_lines)
    if place == NO_ROOM:
        return NO_ROOM
    write_form(form, arena + place * 8, scratch)
    return entry_of(form, after, place)


@kernel
def _lines(persons: int) -> int:
    """Of a sparse container."""
    return (persons + 4 * LINE_WORDS - 1) // (4 * LINE_WORDS)


@kernel
def _flip(flips: Numbers, register: int) -> bool:
    """False when somebody enters who is in it or leaves who is not."""
    words = words_in(register, BLOCK_WORDS)
    for each in flips:
        offset = (each >> 1) & (BLOCK_SIZE - 1)
        bit = np.uint64(1) << np.uint64(offset & 63)
        if ((words[offset >> 6] & bit) == np.uint64(0)) != (each & 1 == 1):
            return False
        words[offset >> 6] ^= bit
    return True


@kernel
def _merge(flips: Numbers, source: int, count: int, target: int, after: int) -> bool:
    """Writes a sparse container of another one's persons, of whom some leave, and of those who enter."""
    olds, news = halves_in(source, BLOCK_SIZE), halves_in(target, BLOCK_SIZE)
    old = new = 0
    for each in flips:
        offset = (each >> 1) & (BLOCK_SIZE - 1)
        while old < count and signed(olds[old]) < offset:
            if new == after:
                return False
            news[new] = olds[old]
            old, new = old + 1, new + 1
        inside = old < count and signed(olds[old]) == offset
        if inside == (each & 1 == 1):
            return False
        if inside:
            old += 1
        elif new == after:
            return False
        else:
            news[new] = np.uint16(offset)
            new += 1
    while old < count and new < after:
        news[new] = olds[old]
        old, new = old + 1, new + 1
    return old == count and new == after


@kernel
def flip_codes(
    flips: Numbers,
    values: int,
    wide: bool,
    before: Numbers,
    places: Numbers,
    state: State,
    arena: int,
    moves: Moves,
) -> int:
    """Writes the pages of codes that change, and where they are; 0 or NO_ROOM.

    `before`, `places`  int64 [blocks, CODE_PAGES]: where pages are, and are from now on
    """
    lines = CODE_PAGE_SIZE * (2 if wide else 1) // 8 // LINE_WORDS
    for each in flips:
        row, person = each >> ROW_SHIFT, (each >> 1) & PERSON_MASK
        if row >= values:
            break
        block, page, offset = (
            person >> BLOCK_BITS,
            (person & (BLOCK_SIZE - 1)) // CODE_PAGE_SIZE,
            person & (CODE_PAGE_SIZE - 1),
        )
        if places[block, 0] < 0 and _blank(places[block], lines, state, arena, moves) == NO_ROOM:
            return NO_ROOM
        place, old = places[block, page], before[block, page]
        if place == old:
            place = moved(state, arena, moves, lines, old, lines)
            if place == NO_ROOM:
                return NO_ROOM
            words, source = (
                words_in(arena + place * 8, lines * LINE_WORDS),
                words_in(arena + old * 8, lines * LINE_WORDS),
            )
            words[:] = source
            places[block, page] = place
        if wide:
            halves = halves_in(arena + place * 8, CODE_PAGE_SIZE)
            halves[offset] = np.uint16(_code(row, each & 1, signed(halves[offset])))
        else:
            narrow = bytes_in(arena + place * 8, CODE_PAGE_SIZE)
            narrow[offset] = np.uint8(_code(row, each & 1, signed(narrow[offset])))
    return 0


@kernel
def _code(row: int, enters: int, code: int) -> int:
    """Whoever leaves a row may have entered another one already."""
    if enters:
        return row + 1
    return 0 if code == row + 1 else code


@kernel
def _blank(places: Numbers, lines: int, state: State, arena: int, moves: Moves) -> int:
    for page in range(CODE_PAGES):
        place = moved(state, arena, moves, lines, 0, 0)
        if place == NO_ROOM:
            return NO_ROOM
        words = words_in(arena + place * 8, lines * LINE_WORDS)
        for each in range(len(words)):
            words[each] = np.uint64(0)
        places[page] = place
    return 0
