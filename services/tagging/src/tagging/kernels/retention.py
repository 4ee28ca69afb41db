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
    stops = at.copy()
    person = next_person(table, at, ends)
    while person != NOBODY:
        begun, rank = _LATEST, _LATEST
        for track in range(len(table)):
            place, owners = at[track], table[track, OWNERS]
            is_looked_for = True
            while place < ends[track] and int_at(owners, place) == person:
                if is_looked_for and half_at(table[track, FLAGS], place) & _FIRST:
                    is_looked_for = False
                    time, own = long_at(table[track, TIMES], place), long_at(table[track, SEQUENCES], place)
                    if time < begun or (time == begun and own < rank):
                        begun, rank = time, own
                place += 1
            stops[track] = place
        cohort = -1 if begun == _LATEST else _period(starts, begun, -1)
        if 0 <= cohort < cohort_count:
            cohorts[person] = cohort
            found[person] = _returns(table, at, stops, starts, cohort, period_count, begun, rank)
        for track in range(len(table)):
            at[track] = stops[track]
        person = next_person(table, at, ends)


@part
def _returns(
    table: Table,
    at: Table,
    stops: Table,
    starts: Table,
    cohort: int,
    period_count: int,
    begun: int,
    rank: int,
) -> int:
    """Bit k: an event of a person lies in the k-th period after the cohort's, behind the first one."""
    mask = np.uint64(0)
    for track in range(len(table)):
        period = cohort
        for place in range(at[track], stops[track]):
            if half_at(table[track, FLAGS], place) & _RETURN == 0:
                continue
            time = long_at(table[track, TIMES], place)
            if time < begun or (time == begun and long_at(table[track, SEQUENCES], place) <= rank):
                continue
            period = _period(starts, time, period)
            if period >= cohort + period_count:
                break
            mask |= np.uint64(1) << np.uint64(period - cohort)
    return mask  # type: ignore[return-value]  # a word once it is compiled
