"""What single persons have in a version of a column, as codes; and what it takes to give them something else."""

import numpy as np

from segments.domain.packing import whole
from segments.engine.compiled import kernel, signed
from segments.engine.containers import BLOCK_BITS, BLOCK_SIZE
from segments.engine.decoding import codes_in
from segments.engine.live.changes import Changes, Codes
from segments.engine.live.lookups import (
    CODES,
    FRAMES,
    VALUES,
    Table,
    Words,
    look_up_codes,
    look_up_numbers,
    persons_in,
    row_of,
)
from segments.engine.numbers import NumberColumn
from segments.engine.sets import SetColumn

LANES = 64
LOOKS_MOST = 2 * BLOCK_SIZE
"""What somebody has is looked up in the container of every value that there is, unless persons have codes. For more
looks into one block it costs less to read that back whole."""


def codes_held(column: SetColumn | NumberColumn, persons: Table) -> Codes:
    """The codes that each person has, ascending; none for whoever is beyond the last block."""
    looks = column.values if isinstance(column, SetColumn) and column.codes is None else 1
    if looks == 1 or len(persons) * looks <= LOOKS_MOST:
        return _looked_up(column, persons)
    found = [
        _read_back(column, each) if len(each) * looks > LOOKS_MOST else _looked_up(column, each)
        for each in np.split(persons, np.flatnonzero(np.diff(persons >> BLOCK_BITS)) + 1)
    ]
    return Codes(
        np.concatenate([each.counts for each in found]), np.concatenate([each.codes for each in found])
    )


def _read_back(column: SetColumn | NumberColumn, persons: Table) -> Codes:
    """Of persons of one block."""
    block = whole(codes_in(column, int(persons[0]) >> BLOCK_BITS), BLOCK_SIZE)
    return _taken(Codes(block.counts.astype(np.int64), block.codes), persons & (BLOCK_SIZE - 1))


def _taken(codes: Codes, places: Table) -> Codes:
    """Those at the places, in their order."""
    counts, starts = codes.counts[places], np.cumsum(codes.counts) - codes.counts
    ranks = np.arange(int(counts.sum())) - np.repeat(np.cumsum(counts) - counts, counts)
    return Codes(counts, codes.codes[np.repeat(starts[places], counts) + ranks])


def _looked_up(column: SetColumn | NumberColumn, persons: Table) -> Codes:
    values = 1 if isinstance(column, NumberColumn) else max(column.values, 1)
    counts = np.zeros(len(persons), np.int64)
    codes = np.empty(len(persons) * 2, np.int64)
    row = np.asarray(row_of(column), np.int64)
    inside = np.empty(values, np.uint64)
    count = _hold(row, np.ascontiguousarray(persons), counts, codes, inside)
    if count > len(codes):
        counts[:] = 0
        codes = np.empty(count, np.int64)
        _hold(row, np.ascontiguousarray(persons), counts, codes, inside)
    return Codes(counts, codes[:count])


def changes_to(column: SetColumn | NumberColumn, persons: Table, codes: Codes) -> Changes:
    """What it takes for persons to have these codes: nothing for whoever has them already. Of one who is told of
    several times, the last ones."""
    order = np.argsort(persons, kind="stable")
    ascending = persons[order]
    held = codes_held(column, ascending)
    told = codes.counts, np.cumsum(codes.counts) - codes.counts, codes.codes
    whose, counts = np.empty(len(order), np.int64), np.empty((2, len(order)), np.int64)
    before, after = np.empty(len(held.codes), np.int64), np.empty(len(codes.codes), np.int64)
    people, had, have = _differing(
        order, ascending, (held.counts, held.codes), told, whose, counts, (before, after)
    )
    return Changes(
        whose[:people], Codes(counts[0, :people], before[:had]), Codes(counts[1, :people], after[:have])
    )


@kernel
def _hold(column: Table, persons: Table, counts: Table, codes: Table, inside: Words) -> int:
    """Writes as many codes as there is room for; how many there are."""
    numbers, halves = np.zeros(LANES, np.int64), np.zeros(LANES, np.uint16)
    total = 0
    for first in range(0, len(persons), LANES):
        whose = persons[first : first + LANES]
        if column[CODES]:
            look_up_codes(column, whose, halves)
            for lane in range(len(whose)):
                if halves[lane] != 0:
                    total = _add(total, first + lane, signed(halves[lane]) - 1, counts, codes)
            continue
        if column[FRAMES]:
            inside[0] = persons_in(column, column[VALUES], whose)
            look_up_numbers(column, whose, inside[0], numbers)
        else:
            for row in range(column[VALUES]):
                inside[row] = persons_in(column, row, whose)
        rows = 1 if column[FRAMES] else column[VALUES]
        for lane in range(len(whose)):
            for row in range(rows):
                if (inside[row] >> np.uint64(lane)) & np.uint64(1):
                    code = numbers[lane] if column[FRAMES] else row
                    total = _add(total, first + lane, code, counts, codes)
    return total


@kernel
def _add(total: int, person: int, code: int, counts: Table, codes: Table) -> int:
    counts[person] += 1
    if total < len(codes):
        codes[total] = code
    return total + 1


@kernel
def _differing(
    order: Table,
    persons: Table,
    held: tuple[Table, Table],
    told: tuple[Table, Table, Table],
    whose: Table,
    counts: Table,
    codes: tuple[Table, Table],
) -> tuple[int, int, int]:
    """Writes whoever is told other codes at last than are held, with the counts and codes of both; how many people, and
    codes of each.

    `held`  counts and codes of the ascending `persons`; `told` counts, starts and codes, in the order that they came in
    """
    people = had = have = start = 0
    for place in range(len(persons)):
        before = held[1][start : start + held[0][place]]
        start += len(before)
        if place + 1 < len(persons) and persons[place + 1] == persons[place]:
            continue
        first = told[1][order[place]]
        after = told[2][first : first + told[0][order[place]]]
        if np.array_equal(before, after):
            continue
        whose[people], counts[0, people], counts[1, people] = persons[place], len(before), len(after)
        codes[0][had : had + len(before)] = before
        codes[1][have : have + len(after)] = after
        people, had, have = people + 1, had + len(before), have + len(after)
    return people, had, have
