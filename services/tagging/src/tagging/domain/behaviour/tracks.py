"""Events of several types as one history of each person: the arrays that every question about behaviour is asked of."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rules.evaluate.events.columns import Bools, Ints, Numbers

Flags: TypeAlias = npt.NDArray[np.uint16]
"""Bit i: the event passes the i-th of the asked filters."""


@dataclass(frozen=True, slots=True)
class Track:
    """Events of one type, in order of (person, time, ingest sequence).

    owners     the slot of each event's person, ascending
    times      microseconds since 1970 UTC
    sequences  ingest sequences, distinct over all tracks of a question
    flags      which filters each event passes; 0 for one that only stands between others
    """

    owners: Numbers
    times: Ints
    sequences: Ints
    flags: Flags


@dataclass(frozen=True, slots=True)
class History:
    """All tracks as one, in order of (person, time, ingest sequence). `tracks`: the number of each event's track;
    `begins`: by event, the place of the first event of its person."""

    owners: Numbers
    times: Ints
    flags: Flags
    tracks: npt.NDArray[np.int16]
    begins: Ints


def history_of(tracks: Sequence[Track]) -> History:
    """Joins tracks. Costs one sort of all events; none for a single track."""
    owners = np.concatenate([each.owners for each in tracks])
    times = np.concatenate([each.times for each in tracks])
    flags = np.concatenate([each.flags for each in tracks])
    numbers = np.repeat(np.arange(len(tracks), dtype=np.int16), [len(each.owners) for each in tracks])
    if sum(len(each.owners) > 0 for each in tracks) > 1:
        order = np.lexsort((np.concatenate([each.sequences for each in tracks]), times, owners))
        owners, times, flags, numbers = owners[order], times[order], flags[order], numbers[order]
    return History(owners, times, flags, numbers, _begins(owners))


def passing(flags: Flags, number: int) -> Bools:
    """Which events pass a filter."""
    found: Bools = (flags >> np.uint16(number)) & np.uint16(1) > 0
    return found


def first_of_runs(owners: Numbers) -> Bools:
    """Where the events of a person begin."""
    begins = np.ones(len(owners), np.bool_)
    np.not_equal(owners[1:], owners[:-1], out=begins[1:])
    return begins


def _begins(owners: Numbers) -> Ints:
    return np.maximum.accumulate(np.where(first_of_runs(owners), np.arange(len(owners)), 0))


def portions(tracks: Sequence[Track], persons: int, most: int) -> Iterator[tuple[int, int, list[Track]]]:
    """Parts of the persons, each [low, high) of their slots with their events, owners counting from low. At most so
    many events a part, more where a single person has more; the parts cover all slots."""
    if sum(len(each.owners) for each in tracks) <= most:
        yield 0, persons, list(tracks)
        return
    ends = np.zeros(persons, np.int64)
    for each in tracks:
        ends += np.cumsum(np.bincount(each.owners, minlength=persons))
    low = done = 0
    while low < persons:
        high = max(int(np.searchsorted(ends, done + most, side="right")), low + 1)
        done = int(ends[high - 1])
        yield low, high, [_slots_of(each, low, high) for each in tracks]
        low = high


def _slots_of(track: Track, low: int, high: int) -> Track:
    start, end = np.searchsorted(track.owners, [low, high])
    here = slice(int(start), int(end))
    return Track(track.owners[here] - low, track.times[here], track.sequences[here], track.flags[here])
