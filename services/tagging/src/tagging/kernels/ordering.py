"""The order of rows by person, time and ingest sequence, where they stand by key.

Rows are dealt to their persons as they stand; then the rows of whoever has several keys, or late events, are merged.
Nothing is sorted that stands in order.
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from servicekit.kernels.threads import Threads

from .compiled import Table, address_of, kernel, long_at, part
from .tracks import BLOCK_PERSONS

Owners: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]


def order_of(
    owners: Owners, times: Table, sequences: Table, counting: Flags, persons: int, threads: Threads
) -> Table | None:
    """The rows that count, by owner, a slot below `persons`; None when all do and stand so already."""
    owners = np.ascontiguousarray(owners, np.int32)
    times, sequences = np.ascontiguousarray(times, np.int64), np.ascontiguousarray(sequences, np.int64)
    ends = np.zeros(persons, np.int64)
    stands = _tallied(owners, counting, ends)
    order = np.arange(len(owners)) if stands else _dealt(owners, counting, ends)
    blocks = -(-persons // BLOCK_PERSONS)
    moved = np.zeros(blocks, np.bool_)
    places = address_of(times), address_of(sequences)
    threads.each(blocks, lambda first, last: _settle(*places, ends, first, last, order, moved))
    return None if stands and not moved.any() else order


@kernel
def _tallied(owners: Owners, counting: Flags, ends: Table) -> bool:
    """Whether all rows count and stand by person. Where each person's rows end is in `ends`, or else begin."""
    stands, before = True, -1
    for row in range(len(owners)):
        if counting[row]:
            owner = owners[row]
            ends[owner] += 1
            stands = stands and owner >= before
            before = owner
        else:
            stands = False
    total = 0
    for slot in range(len(ends)):
        count = ends[slot]
        ends[slot] = total + count if stands else total
        total += count
    return stands


@kernel
def _dealt(owners: Owners, counting: Flags, ends: Table) -> Table:
    """The rows that count, by person; `ends` is where they begin, and afterwards where they end."""
    count = 0
    for row in range(len(owners)):
        count += counting[row]
    order = np.empty(count, np.int64)
    for row in range(len(owners)):
        if counting[row]:
            owner = owners[row]
            order[ends[owner]] = row
            ends[owner] += 1
    return order


@kernel
def _settle(
    times: int, sequences: int, ends: Table, first: int, last: int, order: Table, moved: Flags
) -> None:
    """Puts the rows of each person of some blocks in order; says in which blocks there was something to do."""
    for block in range(first, last):
        slot = block * BLOCK_PERSONS
        begin = ends[slot - 1] if slot else 0
        for slot in range(block * BLOCK_PERSONS, min((block + 1) * BLOCK_PERSONS, len(ends))):
            end = ends[slot]
            if end - begin > 1 and _run_end(times, sequences, order, begin, end) < end:
                _merge_runs(times, sequences, order, begin, end)
                moved[block] = True
            begin = end


@kernel
def _is_before(times: int, sequences: int, row: int, other: int) -> bool:
    time, later = long_at(times, row), long_at(times, other)
    return time < later or (time == later and long_at(sequences, row) <= long_at(sequences, other))


@part
def _run_end(times: int, sequences: int, order: Table, begin: int, end: int) -> int:
    """The place behind the rows that are in order from one on."""
    place = begin + 1
    while place < end and _is_before(times, sequences, order[place - 1], order[place]):
        place += 1
    return place


@part
def _merge_runs(times: int, sequences: int, order: Table, begin: int, end: int) -> None:
    """Merges runs in order two by two, until there is one."""
    room = np.empty(end - begin, np.int64)
    middle = _run_end(times, sequences, order, begin, end)
    while middle < end:
        start = begin
        while middle < end:
            stop = _run_end(times, sequences, order, middle, end)
            left, right, into = start, middle, 0
            while left < middle or right < stop:
                if right == stop or (
                    left < middle and _is_before(times, sequences, order[left], order[right])
                ):
                    room[into] = order[left]
                    left += 1
                else:
                    room[into] = order[right]
                    right += 1
                into += 1
            order[start:stop] = room[:into]
            start = stop
            middle = _run_end(times, sequences, order, start, end) if start < end else end
        middle = _run_end(times, sequences, order, begin, end)
