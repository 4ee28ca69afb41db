"""Tracks as kernels read them: a row of addresses for each, and where the events of each block of persons begin."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tagging.domain.behaviour.tracks import Track

from .compiled import Table, address_of, half_at, int_at, kernel, long_at, part

BLOCK_PERSONS = 4_096
OWNERS, TIMES, SEQUENCES, FLAGS = range(4)
"""Addresses of a track: int32, int64, int64, uint16."""
NOBODY = 2**62
NEVER = -(2**62)
"""The beginning of no chain, in microseconds."""


@dataclass(frozen=True)
class Tracks:
    """What kernels are given. `bounds` [tracks, blocks + 1]: where each block's events begin in each track; `kept`:
    the arrays at the addresses."""

    table: Table
    bounds: Table
    kept: Sequence[Any]

    @property
    def blocks(self) -> int:
        """How many blocks of persons."""
        return int(self.bounds.shape[1]) - 1


def tracks_of(tracks: Sequence[Track], persons: int) -> Tracks:
    """Of so many persons."""
    blocks = -(-persons // BLOCK_PERSONS)
    edges = np.minimum(np.arange(blocks + 1) * BLOCK_PERSONS, 2**31 - 1).astype(np.int32)
    columns = [
        (
            np.ascontiguousarray(each.owners, np.int32),
            np.ascontiguousarray(each.times, np.int64),
            np.ascontiguousarray(each.sequences, np.int64),
            np.ascontiguousarray(each.flags, np.uint16),
        )
        for each in tracks
    ]
    table = np.array([[address_of(each) for each in column] for column in columns], np.int64)
    bounds = np.array([np.searchsorted(column[OWNERS], edges) for column in columns], np.int64)
    return Tracks(table.reshape(len(columns), 4), bounds.reshape(len(columns), blocks + 1), columns)


def any_flags(track: Track) -> int:
    """All flags that any event of a track has."""
    return int(np.bitwise_or.reduce(track.flags)) if len(track.flags) else 0


@part
def events_between(bounds: Table, first: int, last: int) -> int:
    """How many events the persons of some blocks have together."""
    found = 0
    for track in range(len(bounds)):
        found += bounds[track, last] - bounds[track, first]
    return found


@part
def next_person(table: Table, at: Table, ends: Table) -> int:
    """Whose events come next in any track; NOBODY when all are done."""
    found = NOBODY
    for track in range(len(table)):
        if at[track] < ends[track]:
            found = min(found, int_at(table[track, OWNERS], at[track]))
    return found


@kernel
def after_person(owners: int, place: int, end: int, person: int) -> int:
    """The place behind a person's events, which begin at a place."""
    while place < end and int_at(owners, place) == person:
        place += 1
    return place


@kernel
def skip_to(owners: int, place: int, end: int, person: int) -> int:
    """The first place, from one on, of a person's events or of later ones': twice as far each step, then halves."""
    if place == end or int_at(owners, place) >= person:
        return place
    step = 1
    while place + step < end and int_at(owners, place + step) < person:
        place += step
        step *= 2
    stop = min(place + step, end)
    while place < stop:
        middle = (place + stop) // 2
        if int_at(owners, middle) < person:
            place = middle + 1
        else:
            stop = middle
    return place


@part
def next_of_all(table: Table, needed: Table, at: Table, ends: Table) -> int:
    """Who comes next of those who have events in all needed tracks; NOBODY when nobody does. All tracks move there."""
    person = -1
    agreed = 0
    while agreed < len(needed) and person != NOBODY:
        agreed = 0
        for number in range(len(needed)):
            track = needed[number]
            place = skip_to(table[track, OWNERS], at[track], ends[track], person)
            at[track] = place
            own = NOBODY if place == ends[track] else int_at(table[track, OWNERS], place)
            if own == person:
                agreed += 1
            elif person != NOBODY:
                person = own
    if person != NOBODY:
        for track in range(len(table)):
            at[track] = skip_to(table[track, OWNERS], at[track], ends[track], person)
    return person


@part
def merge(table: Table, at: Table, ends: Table, person: int, times: Table, flags: Table, which: Table) -> int:
    """A person's events of all tracks in order of (time, ingest sequence), and their number; `at` moves behind them.
    Room for as many as there can be is in `times`, `flags` and `which`, their tracks."""
    count = 0
    while True:
        chosen, time, sequence = -1, 0, 0
        for track in range(len(table)):
            place = at[track]
            if place < ends[track] and int_at(table[track, OWNERS], place) == person:
                own = long_at(table[track, TIMES], place)
                if chosen < 0 or own <= time:
                    rank = long_at(table[track, SEQUENCES], place)
                    if chosen < 0 or own < time or rank < sequence:
                        chosen, time, sequence = track, own, rank
        if chosen < 0:
            return count
        times[count] = time
        flags[count] = half_at(table[chosen, FLAGS], at[chosen])
        which[count] = chosen
        at[chosen] += 1
        count += 1
