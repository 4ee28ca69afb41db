"""How far persons come in a funnel.

A chain of k steps is events e1, ... ek of one person, one for each of the first k steps, such that each satisfies its
step and comes after the one before in the order of (event time, ingest sequence); e1 lies in the period; and from e1 to
ek no more time passes than the window says, exactly so much being in. Of a strict funnel each event is moreover the
very next one after the one before, among the person's events of all the types that the funnel names, whatever their
WHERE says. A person reaches step k when there is a chain of k steps: any choice of events will do.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .tracks import Track, history_of, passing

MAX_STEPS = 10
Reached: TypeAlias = npt.NDArray[np.int8]


@dataclass(frozen=True, slots=True)
class Funnel:
    """`steps`: how many; flag i of an event is step i + 1. First steps lie in [from_us, before_us); chains last
    within_us at most."""

    steps: int
    within_us: int
    strict: bool
    from_us: int
    before_us: int


def reached(tracks: Sequence[Track], funnel: Funnel, persons: int) -> Reached:
    """By slot, the last step that the person reaches, 0 for none. Of a strict funnel the tracks hold all events of its
    types, else those that pass a filter are enough.

    Of each event, the place of the latest first step that a chain up to it may begin with: the later it began, the more
    time is left.
    """
    found = np.zeros(persons, np.int8)
    history = history_of(tracks)
    count = len(history.owners)
    if not count:
        return found
    places = np.arange(count)
    times, begins = history.times, history.begins
    first = passing(history.flags, 0) & (times >= funnel.from_us) & (times < funnel.before_us)
    starts = np.where(first, places, -1)
    found[history.owners[first]] = 1
    for step in range(1, funnel.steps):
        before = np.full(count, -1, np.int64)
        before[1:] = (starts if funnel.strict else np.maximum.accumulate(starts))[:-1]
        goes_on = passing(history.flags, step) & (before >= begins)
        goes_on &= times - times[np.maximum(before, 0)] <= funnel.within_us
        starts = np.where(goes_on, before, -1)
        if not goes_on.any():
            break
        found[history.owners[goes_on]] = step + 1
    return found


def persons_by_step(last: Reached, steps: int) -> list[int]:
    """How many reach each step, of these persons' last ones."""
    ended = np.bincount(last, minlength=steps + 1)
    so_far = np.cumsum(ended[::-1])[::-1]
    return [int(each) for each in so_far[1:]]
