"""How many persons of an audience have each value, for any number of columns in one pass over the blocks.

Per block and column the cheaper of two ways is taken: counting what each container has in common with the audience, or
looking up the code of each of its persons. Of a column with one value per person the container with most persons is not
read: it has whoever is left.
"""

from collections.abc import Sequence
from itertools import pairwise
from threading import Lock

import numpy as np
import numpy.typing as npt

from segments.engine.arenas import address_of
from segments.engine.compiled import kernel, signed
from segments.engine.containers import (
    BLOCK_SIZE,
    BLOCK_WORDS,
    DENSE,
    EMPTY,
    FULL,
    SPARSE,
    cardinality_of,
    count_common,
    kind_of,
)
from segments.engine.lines import bytes_in, halves_in, lowest_bit, words_in
from segments.engine.members import Members
from segments.engine.sets import CODE_PAGE_SIZE, CODE_PAGES, NARROW_MOST, SetColumn
from segments.engine.threads import Cancellation, Threads

COLUMN = 8
ENTRIES, ARENA, BLOCKS, VALUES, SINGLE, CODES, WIDE, START = range(COLUMN)
DENSE_NS, PERSON_NS, LOOKUP_NS, RUN_NS = 500, 1, 1, 4
"""Nanoseconds, about: of a dense container, of a person of a sparse one, of the code of a person, of a run."""
CODES_NS = 4_000
"""Of reading 64 KiB of codes."""
_LANES = 4
"""Histograms side by side: persons with the same value do not wait for each other's count."""

Table = npt.NDArray[np.int64]


def distributions(
    audience: Members,
    columns: Sequence[SetColumn],
    threads: Threads,
    cancellation: Cancellation | None = None,
) -> list[Table]:
    """For each column int64 [values + 1]: persons of the audience with each value, at the end those with any.

    Of a multi-valued column a person counts once for each value. Raises Cancelled.
    """
    starts = np.cumsum([0, *(each.values + 1 for each in columns)])
    rows = [_row(each, int(start)) for each, start in zip(columns, starts[:-1], strict=True)]
    table = np.asarray(rows, np.int64).reshape(-1, COLUMN)
    total, lock = np.zeros(int(starts[-1]), np.int64), Lock()

    def work(first: int, last: int) -> None:
        found = np.zeros((_LANES, len(total)), np.int64)
        offsets = np.empty(BLOCK_SIZE, np.uint16)
        words = address_of(audience.words)
        _distribute(table, words, audience.cardinalities, first, last, offsets, found)
        with lock:
            total[:] += found.sum(axis=0)

    threads.each(audience.blocks, work, cancellation)
    return [total[start:end] for start, end in pairwise(starts)]


def _row(column: SetColumn, start: int) -> list[int]:
    entries, arena = address_of(column.entries), address_of(column.words)
    codes = 0 if column.codes is None else address_of(column.codes)
    single, wide = int(column.single), int(column.wide)
    return [entries, arena, column.blocks, column.values, single, codes, wide, start]


@kernel
def _distribute(
    table: Table,
    audience: int,
    cardinalities: Table,
    first: int,
    last: int,
    offsets: npt.NDArray[np.uint16],
    found: Table,
) -> None:
    """Adds to `found` [lanes, all values]. `offsets` has room for a block's persons."""
    for block in range(first, last):
        persons = cardinalities[block]
        if persons == 0:
            continue
        register = audience + block * BLOCK_WORDS * 8
        listed = False
        for place in range(len(table)):
            column = table[place]
            if block >= column[BLOCKS]:
                continue
            start, values = column[START], column[VALUES]
            entries = words_in(column[ENTRIES], (values + 1) * column[BLOCKS])
            fullest, cost = _cost(entries, column, block)
            if cost > persons * LOOKUP_NS + CODES_NS and _has_codes(column, block):
                if not listed:
                    _list(register, offsets)
                    listed = True
                _look_up(column, block, offsets, persons, found[:, start : start + values + 1])
            else:
                _count(column, entries, block, register, persons, fullest, found[0])


@kernel
def _cost(entries: npt.NDArray[np.uint64], column: Table, block: int) -> tuple[int, int]:
    """(the value with most persons, -1 when persons may have several; nanoseconds for the others' containers)"""
    fullest, most, cost = -1, -1, 0
    for value in range(column[VALUES]):
        entry = signed(entries[value * column[BLOCKS] + block])
        cardinality, kind = cardinality_of(entry), kind_of(entry)
        if kind == DENSE:
            cost += DENSE_NS
        elif kind == SPARSE:
            cost += cardinality * PERSON_NS
        elif kind != EMPTY:
            cost += RUN_NS
        if column[SINGLE] and cardinality > most:
            fullest, most = value, cardinality
    return fullest, cost


@kernel
def _count(
    column: Table,
    entries: npt.NDArray[np.uint64],
    block: int,
    register: int,
    persons: int,
    fullest: int,
    found: npt.NDArray[np.int64],
) -> None:
    start, values, arena = column[START], column[VALUES], column[ARENA]
    known = signed(entries[values * column[BLOCKS] + block])
    knowns = persons if kind_of(known) == FULL else count_common(register, known, arena)
    found[start + values] += knowns
    rest = knowns
    for value in range(values):
        if value != fullest and rest > 0:
            counted = count_common(register, signed(entries[value * column[BLOCKS] + block]), arena)
            found[start + value] += counted
            if fullest >= 0:
                rest -= counted
    if fullest >= 0:
        found[start + fullest] += rest


@kernel
def _list(register: int, offsets: npt.NDArray[np.uint16]) -> None:
    """The offsets of a register's persons."""
    words = words_in(register, BLOCK_WORDS)
    place = 0
    for each in range(BLOCK_WORDS):
        word = words[each]
        while word != np.uint64(0):
            offsets[place] = np.uint16(each * 64 + lowest_bit(word))
            place += 1
            word &= word - np.uint64(1)


@kernel
def _has_codes(column: Table, block: int) -> bool:
    if column[CODES] == 0:
        return False
    places = words_in(column[CODES] + block * CODE_PAGES * 8, CODE_PAGES)
    return signed(places[0]) >= 0


@kernel
def _look_up(column: Table, block: int, offsets: npt.NDArray[np.uint16], persons: int, found: Table) -> None:
    """Counts codes; code 0, the unknown, is where those with any value are counted, and then turned round.

    A code beyond the values is one of a damaged file: it may be counted wrong, but nowhere else than here.
    """
    values = found.shape[1] - 1
    counted = np.zeros((_LANES, max(values + 1, NARROW_MOST + 2)), np.int64)
    places = words_in(column[CODES] + block * CODE_PAGES * 8, CODE_PAGES)
    first = 0
    for page in range(CODE_PAGES):
        end = _end_of(page, offsets, first, persons)
        address, start = column[ARENA] + signed(places[page]) * 8, page * CODE_PAGE_SIZE
        if column[WIDE]:
            halves = halves_in(address, CODE_PAGE_SIZE)
            for each in range(first, end):
                code = min(signed(halves[signed(offsets[each]) - start]), values)
                counted[each & (_LANES - 1), code] += 1
        else:
            single = bytes_in(address, CODE_PAGE_SIZE)
            for each in range(first, end):
                counted[each & (_LANES - 1), signed(single[signed(offsets[each]) - start])] += 1
        first = end
    found[0, values] += persons
    for lane in range(_LANES):
        found[0, values] -= counted[lane, 0]
        for value in range(values):
            found[lane, value] += counted[lane, value + 1]


@kernel
def _end_of(page: int, offsets: npt.NDArray[np.uint16], first: int, last: int) -> int:
    """The place of the first offset from `first` to before `last` that is beyond a page of codes."""
    beyond = (page + 1) * CODE_PAGE_SIZE
    while first < last:
        middle = (first + last) >> 1
        if signed(offsets[middle]) < beyond:
            first = middle + 1
        else:
            last = middle
    return first
