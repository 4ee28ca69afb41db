"""What persons do next: `tagging.domain.behaviour.paths` says what a walk is."""

import numpy as np
import numpy.typing as npt

from tagging.domain.behaviour.paths import ENDED, START, STEP, Walking

from .compiled import Table, half_at, int_at, kernel, long_at, part
from .tracks import FLAGS, NOBODY, OWNERS, TIMES, events_between, merge, next_person

_START, _STEP = 1 << START, 1 << STEP


@part
def _begins(table: Table, at: Table, ends: Table, stops: Table, person: int, since: int, until: int) -> bool:
    """Whether a person has a start; `stops` becomes the places behind the person's events."""
    found = False
    for track in range(len(table)):
        place = at[track]
        while place < ends[track] and int_at(table[track, OWNERS], place) == person:
            if not found and half_at(table[track, FLAGS], place) & _START != 0:
                found = since <= long_at(table[track, TIMES], place) < until
            place += 1
        stops[track] = place
    return found


@kernel
def walkers(table: Table, bounds: Table, first: int, last: int, limits: Table, counts: Table) -> None:
    """How many persons of each block have a walk. `limits`: within_us, from_us, before_us."""
    for block in range(first, last):
        at, ends = bounds[:, block].copy(), bounds[:, block + 1]
        stops = at.copy()
        person = next_person(table, at, ends)
        while person != NOBODY:
            counts[block] += _begins(table, at, ends, stops, person, limits[1], limits[2])
            for track in range(len(table)):
                at[track] = stops[track]
            person = next_person(table, at, ends)


@kernel
def walk(
    table: Table,
    bounds: Table,
    first: int,
    last: int,
    limits: Table,
    backwards: int,
    collapse: int,
    offsets: Table,
    who: Table,
    found: npt.NDArray[np.int16],
) -> None:
    """A row for each person who has a walk; `offsets`: how many there are before each block."""
    room = events_between(bounds, first, last)
    times, flags, which = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    within, since, until = limits[0], limits[1], limits[2]
    at, ends = bounds[:, first].copy(), bounds[:, last]
    stops = at.copy()
    row = offsets[first]
    person = next_person(table, at, ends)
    while person != NOBODY:
        if _begins(table, at, ends, stops, person, since, until):
            count = merge(table, at, ends, person, times, flags, which)
            who[row] = person
            place, ahead = (count - 1, -1) if backwards else (0, 1)
            while flags[place] & _START == 0 or not since <= times[place] < until:
                place += ahead
            _steps(times, flags, which, count, place, ahead, within, collapse, found[row])
            row += 1
        else:
            for track in range(len(table)):
                at[track] = stops[track]
        person = next_person(table, at, ends)


@part
def _steps(
    times: Table,
    flags: Table,
    which: Table,
    count: int,
    start: int,
    ahead: int,
    within: int,
    collapse: int,
    found: npt.NDArray[np.int16],
) -> None:
    """The tracks of the events that are steps, from a start on."""
    before, depth, place = which[start], 0, start + ahead
    while 0 <= place < count and depth < len(found) and abs(times[place] - times[start]) <= within:
        if flags[place] & _STEP != 0:
            if not (collapse and which[place] == before):
                found[depth] = which[place]
                depth += 1
            before = which[place]
        place += ahead
    found[depth:] = ENDED


def limits_of(walking: Walking) -> Table:
    """The moments and lengths of a question about walks."""
    return np.array([walking.within_us, walking.from_us, walking.before_us], np.int64)
