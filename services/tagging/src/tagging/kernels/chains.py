"""Sequences with WITHOUT and WITHIN: `rules.evaluate.chains` says what a chain is."""

import numpy as np
import numpy.typing as npt

from .compiled import Table, kernel
from .tracks import NEVER, NOBODY, events_between, merge, next_of_all


@kernel
def chained(
    table: Table,
    bounds: Table,
    first: int,
    last: int,
    matches: Table,
    forbidden: Table,
    needed: Table,
    within: int,
    found: npt.NDArray[np.bool_],
) -> None:
    """Whose events hold a chain. Of each step, the filter that its event passes and those that no event between it and
    the one before may pass, as bits of an event's flags; `needed`: the tracks that steps are in; `found` by slot.

    Of each step, when the latest chain up to it began: the later, the more time is left.
    """
    room = events_between(bounds, first, last)
    times, flags, which = np.empty(room, np.int64), np.empty(room, np.int64), np.empty(room, np.int64)
    steps = len(matches)
    latest = np.empty(steps, np.int64)
    at, ends = bounds[:, first].copy(), bounds[:, last]
    person = next_of_all(table, needed, at, ends)
    while person != NOBODY:
        count = merge(table, at, ends, person, times, flags, which)
        latest[:] = NEVER
        place = 0
        while place < count and latest[steps - 1] == NEVER:
            flag, time = flags[place], times[place]
            for step in range(steps - 1, 0, -1):
                began = latest[step - 1]
                if flag & matches[step] != 0 and began != NEVER and time - began <= within:
                    latest[step] = began
                if flag & forbidden[step] != 0:
                    latest[step - 1] = NEVER
            if flag & matches[0] != 0:
                latest[0] = time
            place += 1
        found[person] = latest[steps - 1] != NEVER
        person = next_of_all(table, needed, at, ends)
