"""Aggregates of each person's rows. Every kernel goes over the rows of the persons that begin in a range of rows.

`rows` describes them: addresses of owners (int32, ascending), times (int64, microseconds since 1970 UTC), whether a row
passes (a byte each; no address: all do) and values (int64); how many rows there are, and from when to before when they
count.
"""

import numpy as np
import numpy.typing as npt

from .compiled import Table, byte_at, int_at, kernel, long_at, part

DAY_US = 86_400 * 10**6
_SAFE = 2**62
_RUN = 16
"""Rows that are sorted one by one; runs of them are merged."""
OWNERS, TIMES, PASSING, VALUES, COUNT, SINCE, BEFORE = range(7)


@kernel
def _first_own(owners: int, first: int, end: int) -> int:
    """The first row, from one on, that begins a person."""
    place = first
    while 0 < place < end and int_at(owners, place) == int_at(owners, place - 1):
        place += 1
    return place


@kernel
def _counts(times: int, passing: int, since: int, before: int, place: int) -> bool:
    """Whether a row does."""
    time = long_at(times, place)
    return (since <= time) & (time < before) & (passing == 0 or byte_at(passing, place) != 0)


@kernel
def counted(rows: Table, first: int, last: int, found: Table) -> None:
    """How many rows count."""
    owners, times, passing = rows[OWNERS], rows[TIMES], rows[PASSING]
    end, since, before = rows[COUNT], rows[SINCE], rows[BEFORE]
    for place in range(_first_own(owners, first, end), _first_own(owners, last, end)):
        found[int_at(owners, place)] += _counts(times, passing, since, before, place)


@kernel
def added(rows: Table, first: int, last: int, found: Table) -> bool:
    """The sums of values; False when they may have left 64 bits on the way."""
    owners, times, passing = rows[OWNERS], rows[TIMES], rows[PASSING]
    end, since, before, values = rows[COUNT], rows[SINCE], rows[BEFORE], rows[VALUES]
    start, stop = _first_own(owners, first, end), _first_own(owners, last, end)
    bits = 0
    for place in range(start, stop):
        if _counts(times, passing, since, before, place):
            value = long_at(values, place)
            bits |= value ^ (value >> 63)
            found[int_at(owners, place)] += value
    return bits < _SAFE // max(stop - start, 1)


@kernel
def placed(rows: Table, first: int, last: int, index: int, found: Table) -> None:
    """The row that is the index-th of those that count, the last for 0; -1 where there is none."""
    owners, times, passing = rows[OWNERS], rows[TIMES], rows[PASSING]
    end, since, before = rows[COUNT], rows[SINCE], rows[BEFORE]
    place = _first_own(owners, first, end)
    while place < last:
        person, count, chosen = int_at(owners, place), 0, -1
        while place < end and int_at(owners, place) == person:
            if _counts(times, passing, since, before, place):
                count += 1
                if index in (count, 0):
                    chosen = place
            place += 1
        found[person] = chosen


@kernel
def outermost(
    rows: Table, first: int, last: int, greatest: int, known: npt.NDArray[np.bool_], found: Table
) -> None:
    """The least or the greatest value."""
    owners, times, passing = rows[OWNERS], rows[TIMES], rows[PASSING]
    end, since, before = rows[COUNT], rows[SINCE], rows[BEFORE]
    place = _first_own(owners, first, end)
    while place < last:
        person, best, has = int_at(owners, place), 0, False
        while place < end and int_at(owners, place) == person:
            if _counts(times, passing, since, before, place):
                value = long_at(rows[VALUES], place)
                if not has or (value > best if greatest else value < best):
                    best = value
                has = True
            place += 1
        known[person], found[person] = has, best


@kernel
def on_days(rows: Table, first: int, last: int, offset: int, found: Table) -> None:
    """On how many days rows count, of a clock so far ahead of UTC."""
    owners, times, passing = rows[OWNERS], rows[TIMES], rows[PASSING]
    end, since, before = rows[COUNT], rows[SINCE], rows[BEFORE]
    place = _first_own(owners, first, end)
    while place < last:
        person, count, behind = int_at(owners, place), 0, -_SAFE
        while place < end and int_at(owners, place) == person:
            time = long_at(times, place)
            if time >= behind and _counts(times, passing, since, before, place):
                count += 1
                behind = (time + offset) // DAY_US * DAY_US + DAY_US - offset
            place += 1
        found[person] = count


@kernel
def by_code(rows: Table, first: int, last: int, order: Table) -> None:
    """Sorts each person's rows by their values, equal ones as they stand. `order`: the rows as they stand."""
    owners, end = rows[OWNERS], rows[COUNT]
    start = _first_own(owners, first, end)
    while start < last:
        person, stop = int_at(owners, start), start + 1
        while stop < end and int_at(owners, stop) == person:
            stop += 1
        _sort(rows[VALUES], order, start, stop)
        start = stop


@part
def _sort(values: int, order: Table, start: int, stop: int) -> None:
    for run in range(start, stop, _RUN):
        for place in range(run + 1, min(run + _RUN, stop)):
            row = order[place]
            value, into = long_at(values, row), place
            while into > run and long_at(values, order[into - 1]) > value:
                order[into] = order[into - 1]
                into -= 1
            order[into] = row
    width = _RUN
    while width < stop - start:
        room = np.empty(2 * width, np.int64)
        for left in range(start, stop - width, 2 * width):
            _merge(values, order, left, left + width, min(left + 2 * width, stop), room)
        width *= 2


@part
def _merge(values: int, order: Table, left: int, middle: int, stop: int, room: Table) -> None:
    """Two runs in order that follow each other."""
    one, other, into = left, middle, 0
    while one < middle and other < stop:
        if long_at(values, order[one]) <= long_at(values, order[other]):
            room[into] = order[one]
            one += 1
        else:
            room[into] = order[other]
            other += 1
        into += 1
    while one < middle:
        room[into] = order[one]
        one += 1
        into += 1
    order[left : left + into] = room[:into]
