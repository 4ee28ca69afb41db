"""Aggregates of each person's rows. Every kernel goes over the rows of the persons that begin in a range of rows.

owners   int32, ascending; times: int64, microseconds since 1970 UTC
passing  bool of each row; none at all stands for all rows
limits   since_us and before_us: rows from the one to before the other count
"""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .compiled import Table, kernel

DAY_US = 86_400 * 10**6
_SAFE = 2**62

Owners: TypeAlias = npt.NDArray[np.int32]
Flags: TypeAlias = npt.NDArray[np.bool_]


@kernel
def _first_own(owners: Owners, first: int) -> int:
    """The first row, from one on, that begins a person."""
    place = first
    while 0 < place < len(owners) and owners[place] == owners[place - 1]:
        place += 1
    return place


@kernel
def counted(
    owners: Owners, times: Table, passing: Flags, first: int, last: int, limits: Table, found: Table
) -> None:
    """How many rows count."""
    place, all_pass = _first_own(owners, first), len(passing) == 0
    since, before = limits[0], limits[1]
    while place < last:
        person, count = owners[place], 0
        while place < len(owners) and owners[place] == person:
            count += since <= times[place] < before and (all_pass or passing[place])
            place += 1
        found[person] = count


@kernel
def added(
    owners: Owners,
    times: Table,
    passing: Flags,
    first: int,
    last: int,
    limits: Table,
    values: Table,
    found: Table,
) -> bool:
    """The sums of values; False when one came near the end of 64 bits."""
    place, all_pass = _first_own(owners, first), len(passing) == 0
    since, before = limits[0], limits[1]
    fits = True
    while place < last:
        person, total = owners[place], 0
        while place < len(owners) and owners[place] == person:
            if since <= times[place] < before and (all_pass or passing[place]):
                value = values[place]
                fits = fits and -_SAFE < value < _SAFE and -_SAFE < total < _SAFE
                total += value
            place += 1
        found[person] = total
    return fits


@kernel
def placed(
    owners: Owners,
    times: Table,
    passing: Flags,
    first: int,
    last: int,
    limits: Table,
    index: int,
    found: Table,
) -> None:
    """The row that is the index-th of those that count, the last for 0; -1 where there is none."""
    place, all_pass = _first_own(owners, first), len(passing) == 0
    since, before = limits[0], limits[1]
    while place < last:
        person, count, chosen = owners[place], 0, -1
        while place < len(owners) and owners[place] == person:
            if since <= times[place] < before and (all_pass or passing[place]):
                count += 1
                if index in (count, 0):
                    chosen = place
            place += 1
        found[person] = chosen


@kernel
def outermost(
    owners: Owners,
    times: Table,
    passing: Flags,
    first: int,
    last: int,
    limits: Table,
    values: Table,
    greatest: int,
    known: Flags,
    found: Table,
) -> None:
    """The least or the greatest value."""
    place, all_pass = _first_own(owners, first), len(passing) == 0
    since, before = limits[0], limits[1]
    while place < last:
        person, best, has = owners[place], 0, False
        while place < len(owners) and owners[place] == person:
            if since <= times[place] < before and (all_pass or passing[place]):
                value = values[place]
                if not has or (value > best if greatest else value < best):
                    best = value
                has = True
            place += 1
        known[person], found[person] = has, best


@kernel
def on_days(
    owners: Owners,
    times: Table,
    passing: Flags,
    first: int,
    last: int,
    limits: Table,
    offset: int,
    found: Table,
) -> None:
    """On how many days rows count, of a clock so far ahead of UTC."""
    place, all_pass = _first_own(owners, first), len(passing) == 0
    since, before = limits[0], limits[1]
    while place < last:
        person, count, behind = owners[place], 0, -_SAFE
        while place < len(owners) and owners[place] == person:
            time = times[place]
            if since <= time < before and (all_pass or passing[place]) and time >= behind:
                count += 1
                behind = (time + offset) // DAY_US * DAY_US + DAY_US - offset
            place += 1
        found[person] = count
