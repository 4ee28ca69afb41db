"""How far persons come in a funnel: `tagging.domain.behaviour.funnel` says what that is."""

import numpy as np
import numpy.typing as npt

from tagging.domain.behaviour.funnel import Funnel

from .compiled import Table, half_at, int_at, kernel, long_at, part
from .tracks import (
    FLAGS,
    NEVER,
    NOBODY,
    OWNERS,
    SEQUENCES,
    TIMES,
    after_person,
    events_between,
    merge,
    next_person,
    skip_to,
)


@kernel
def steps_in_turn(
    table: Table,
    bounds: Table,
    first: int,
    last: int,
    homes: Table,
    limits: Table,
    found: npt.NDArray[np.int8],
) -> None:
    """A funnel that is not strict and of which each step's events are in one track, `homes` says in which: step by
    step, the events of two tracks side by side. Who comes no further costs nothing further.

    `limits`: within_us, from_us, before_us
    `found`   by slot
    """
    room = events_between(bounds, first, last)
    before, after = np.empty(room, np.int64), np.empty(room, np.int64)
    within, since, until = limits[0], limits[1], limits[2]
    starts, stops = bounds[:, first].copy(), bounds[:, first].copy()
    ends = bounds[:, last]
    home = homes[0]
    owners, times, flags = table[home, OWNERS], table[home, TIMES], table[home, FLAGS]
    begin = starts[home]
    while begin < ends[home]:
        person = int_at(owners, begin)
        end = after_person(owners, begin, ends[home], person)
        starts[home], stops[home] = begin, end
        reached = 0
        for place in range(begin, end):
            time = long_at(times, place)
            before[place - begin] = NEVER
            if since <= time < until and half_at(flags, place) & 1 != 0:
                before[place - begin] = time
                reached = 1
        step, earlier = 1, home
        while reached == step and step < len(homes):
            track = homes[step]
            if stops[track] == 0 or int_at(table[track, OWNERS], stops[track] - 1) != person:
                place = skip_to(table[track, OWNERS], stops[track], ends[track], person)
                starts[track] = place
                stops[track] = after_person(table[track, OWNERS], place, ends[track], person)
            if starts[track] == stops[track]:
                break
            if _follows(table, starts, stops, earlier, track, step, within, before, after):
                reached = step + 1
            before, after = after, before
            earlier = track
            step += 1
        found[person] = reached
        begin = end


@part
def _follows(
    table: Table,
    starts: Table,
    stops: Table,
    earlier: int,
    track: int,
    step: int,
    within: int,
    before: Table,
    after: Table,
) -> bool:
    """Whether a chain goes on with an event of a track. `before`: of each event of the earlier track, when the latest
    chain up to it began; `after`: the same of this track's."""
    times, sequences, flags = table[track, TIMES], table[track, SEQUENCES], table[track, FLAGS]
    other_times, other_sequences = table[earlier, TIMES], table[earlier, SEQUENCES]
    begin, end, other_begin, other_end = starts[track], stops[track], starts[earlier], stops[earlier]
    other, latest, goes_on = other_begin, NEVER, False
    for place in range(begin, end):
        after[place - begin] = NEVER
        if half_at(flags, place) >> step & 1 == 0:
            continue
        time = long_at(times, place)
        while other < other_end:
            own = long_at(other_times, other)
            if own > time:
                break
            if own == time and long_at(other_sequences, other) >= long_at(sequences, place):
                break
            latest = max(latest, before[other - other_begin])
            other += 1
        if latest != NEVER and time - latest <= within:
            after[place - begin] = latest
            goes_on = True
    return goes_on


@kernel
def steps_of_all(
    table: Table,
    bounds: Table,
    first: int,
    last: int,
    steps: int,
    strict: int,
    limits: Table,
    found: npt.NDArray[np.int8],
) -> None:
    """Any funnel, over each person's events in one order."""
    room = events_between(bounds, first, last)
    times, flags, which = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    within, since, until = limits[0], limits[1], limits[2]
    latest = np.empty(steps, np.int64)
    at, ends = bounds[:, first].copy(), bounds[:, last]
    person = next_person(table, at, ends)
    while person != NOBODY:
        count = merge(table, at, ends, person, times, flags, which)
        latest[:] = NEVER
        reached = 0
        for place in range(count):
            time = times[place]
            for step in range(steps - 1, 0, -1):
                began = latest[step - 1]
                goes_on = flags[place] >> step & 1 != 0 and began != NEVER and time - began <= within
                if goes_on:
                    latest[step] = began
                    reached = max(reached, step + 1)
                elif strict:
                    latest[step] = NEVER
            if flags[place] & 1 != 0 and since <= time < until:
                latest[0] = time
                reached = max(reached, 1)
            elif strict:
                latest[0] = NEVER
        found[person] = reached
        person = next_person(table, at, ends)


def limits_of(funnel: Funnel) -> Table:
    """The moments and lengths of a funnel."""
    return np.array([funnel.within_us, funnel.from_us, funnel.before_us], np.int64)
