"""Containers written from registers, in a form that is chosen then."""

import numpy as np

from segments.engine.arenas import LINE_WORDS
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_SIZE,
    BLOCK_WORDS,
    CARDINALITY_SHIFT,
    DENSE,
    EMPTY,
    FULL,
    OFFSET_SHIFT,
    RUN,
    SPARSE,
    SPARSE_MOST,
    cardinality_of,
    copy,
    kind_of,
    place_of,
)
from segments.engine.lines import count_word, halves_in, lowest_bit, words_in

DENSE_LINES = BLOCK_WORDS // LINE_WORDS
UNASKED = BLOCK_SIZE
"""So many runs that no container of runs is considered."""


@kernel
def runs_of(register: int) -> int:
    """How many runs of bits there are."""
    words = words_in(register, BLOCK_WORDS)
    found, carry = 0, np.uint64(0)
    for each in range(BLOCK_WORDS):
        word = words[each]
        found += count_word(word & ~((word << np.uint64(1)) | carry))
        carry = word >> np.uint64(63)
    return found


@kernel
def entry_of(kind: int, cardinality: int, place: int) -> int:
    """Of a container at a place of the arena, in words."""
    return kind | (cardinality << CARDINALITY_SHIFT) | (place << OFFSET_SHIFT)


@kernel
def form_of(cardinality: int, runs: int) -> tuple[int, int]:
    """(kind, words) of the smallest form, dense on a tie, as columns are built; `runs` may be UNASKED."""
    if cardinality == 0:
        return EMPTY, 0
    if cardinality == BLOCK_SIZE:
        return FULL, 0
    run = (1 + 2 * runs + 3) // 4
    sparse = (cardinality + 3) // 4 if cardinality <= SPARSE_MOST else BLOCK_WORDS + 1
    size = min(run, sparse)
    if size >= BLOCK_WORDS:
        return DENSE, BLOCK_WORDS
    return (RUN, run) if size == run else (SPARSE, sparse)


@kernel
def lines_of(entry: int, arena: int) -> int:
    """Lines that a container of a room takes."""
    kind, words = kind_of(entry), 0
    if kind == DENSE:
        words = BLOCK_WORDS
    elif kind == SPARSE:
        words = (cardinality_of(entry) + 3) // 4
    elif kind == RUN:
        words = (1 + 2 * signed(halves_in(place_of(entry, arena), 1)[0]) + 3) // 4
    return (words + LINE_WORDS - 1) // LINE_WORDS


@kernel
def write_form(kind: int, place: int, register: int) -> None:
    """Writes the persons of a register at an address."""
    if kind == DENSE:
        copy(place, register)
    elif kind == SPARSE:
        _write_sparse(place, register)
    elif kind == RUN:
        _write_runs(place, register)


@kernel
def _write_sparse(place: int, register: int) -> None:
    words, members = words_in(register, BLOCK_WORDS), halves_in(place, BLOCK_SIZE)
    count = 0
    for each in range(BLOCK_WORDS):
        word = words[each]
        while word != np.uint64(0):
            members[count] = np.uint16(each * 64 + lowest_bit(word))
            count += 1
            word &= word - np.uint64(1)


@kernel
def _write_runs(place: int, register: int) -> None:
    words, ends = words_in(register, BLOCK_WORDS), halves_in(place, BLOCK_SIZE + 1)
    firsts = lasts = 0
    before = np.uint64(0)
    for each in range(BLOCK_WORDS):
        word = words[each]
        after = words[each + 1] if each + 1 < BLOCK_WORDS else np.uint64(0)
        starts = word & ~((word << np.uint64(1)) | before)
        stops = word & ~((word >> np.uint64(1)) | (after << np.uint64(63)))
        while starts != np.uint64(0):
            ends[1 + 2 * firsts] = np.uint16(each * 64 + lowest_bit(starts))
            firsts += 1
            starts &= starts - np.uint64(1)
        while stops != np.uint64(0):
            ends[2 + 2 * lasts] = np.uint16(each * 64 + lowest_bit(stops))
            lasts += 1
            stops &= stops - np.uint64(1)
        before = word >> np.uint64(63)
    ends[0] = np.uint16(firsts)
