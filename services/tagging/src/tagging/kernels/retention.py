"""Who comes back when: `tagging.domain.behaviour.retention` says what that is. No order between tracks is needed."""

import numpy as np
import numpy.typing as npt

from tagging.domain.behaviour.retention import FIRST, RETURN

from .compiled import Table, half_at, int_at, kernel, long_at, part
from .tracks import FLAGS, NOBODY, OWNERS, SEQUENCES, TIMES, next_person

_FIRST, _RETURN = 1 << FIRST, 1 << RETURN
_LATEST = 2**63 - 1


@part
def _period(starts: Table, time: int, low: int) -> int:
    """The period that a moment lies in, which is not before the one numbered `low`; -1 before the first."""
    while low + 1 < len(starts) and starts[low + 1] <= time:
        low += 1
    return low


@kernel
def periods_of(
    table: Table,
    bounds: Table,
    first: int,
    last: int,
    starts: Table,
    cohort_count: int,
    period_count: int,
    cohorts: npt.NDArray[np.int16],
    found: npt.NDArray[np.uint64],
) -> None:
    """`cohorts` and `found` by slot, untouched where a person is in no cohort."""
    at, ends = bounds[:, first].copy(), bounds[:, last]
    person = next_person(table, at, ends)
    while person != NOBODY:
        begun, rank = _begin(table, at, ends, person)
        cohort = -1 if begun == _LATEST else _period(starts, begun, -1)
        mask = np.uint64(0)
        if not 0 <= cohort < cohort_count:
            cohort = -1
        for track in range(len(table)):
            owners, times = table[track, OWNERS], table[track, TIMES]
            sequences, flags = table[track, SEQUENCES], table[track, FLAGS]
            place, end, period = at[track], ends[track], cohort
            while place < end and int_at(owners, place) == person:
                if cohort >= 0 and half_at(flags, place) & _RETURN != 0:
                    time = long_at(times, place)
                    if time > begun or (time == begun and long_at(sequences, place) > rank):
                        period = _period(starts, time, period)
                        if period < cohort + period_count:
                            mask |= np.uint64(1) << np.uint64(period - cohort)
                place += 1
            at[track] = place
        if cohort >= 0:
            cohorts[person], found[person] = cohort, mask
        person = next_person(table, at, ends)


@part
def _begin(table: Table, at: Table, ends: Table, person: int) -> tuple[int, int]:
    """When a person's first event lies that passes the first filter, and its sequence."""
    begun, rank = _LATEST, _LATEST
    for track in range(len(table)):
        owners, times = table[track, OWNERS], table[track, TIMES]
        sequences, flags = table[track, SEQUENCES], table[track, FLAGS]
        place, end = at[track], ends[track]
        while place < end and int_at(owners, place) == person:
            if half_at(flags, place) & _FIRST != 0:
                time, own = long_at(times, place), long_at(sequences, place)
                if time < begun or (time == begun and own < rank):
                    begun, rank = time, own
                break
            place += 1
    return begun, rank


@kernel
def tallied(
    cohorts: npt.NDArray[np.int16],
    found: npt.NDArray[np.uint64],
    first: int,
    last: int,
    period_count: int,
    counts: Table,
) -> None:
    """Adds persons up: `counts` [cohorts, 1 + periods], how many are in a cohort, and who of them come back in each
    period."""
    for slot in range(first, last):
        cohort = cohorts[slot]
        if cohort >= 0:
            counts[cohort, 0] += 1
            mask = found[slot]
            period = 0
            while mask != np.uint64(0) and period < period_count:
                counts[cohort, 1 + period] += np.int64(mask & np.uint64(1))
                mask >>= np.uint64(1)
                period += 1
