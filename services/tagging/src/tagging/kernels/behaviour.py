"""Behaviour by kernels: what `ArrayBehaviour` answers, on all processors."""

from collections.abc import Callable, Sequence

import numpy as np
from rules.evaluate.events.columns import Ints
from servicekit.kernels.threads import Cancellation, Threads

from tagging.domain.behaviour.funnel import Funnel, Reached
from tagging.domain.behaviour.paths import Walking, Walks
from tagging.domain.behaviour.retention import NO_COHORT, Cohorts, Matrix, Retention, Returns
from tagging.domain.behaviour.tracks import Track

from . import funnels, paths, retention
from .compiled import Table
from .tracks import BLOCK_PERSONS, Tracks, any_flags, tracks_of


class KernelBehaviour:
    """BehaviourEngine. Raises Cancelled when the cancellation says so."""

    def __init__(self, threads: Threads, cancellation: Cancellation | None = None) -> None:
        self._threads = threads
        self._cancellation = cancellation

    @property
    def at_once(self) -> int | None:
        """As the port says: nothing is sorted."""
        return None

    def reached(self, tracks: Sequence[Track], asked: Funnel, persons: int) -> Reached:
        """As the port says."""
        found = np.zeros(persons, np.int8)
        limits, homes = funnels.limits_of(asked), None if asked.strict else _homes(tracks, asked.steps)
        if homes is not None and len(homes):
            self._each(
                tracks_of(tracks, persons),
                lambda table, bounds, first, last: funnels.steps_in_turn(
                    table, bounds, first, last, homes, limits, found
                ),
            )
        elif homes is None:
            self._each(
                tracks_of(tracks, persons),
                lambda table, bounds, first, last: funnels.steps_of_all(
                    table, bounds, first, last, asked.steps, int(asked.strict), limits, found
                ),
            )
        return found

    def returns(self, tracks: Sequence[Track], asked: Retention, persons: int) -> tuple[Cohorts, Returns]:
        """As the port says."""
        cohorts, found = np.full(persons, NO_COHORT, np.int16), np.zeros(persons, np.uint64)
        starts = np.array(asked.starts_us, np.int64)
        self._each(
            tracks_of(tracks, persons),
            lambda table, bounds, first, last: retention.periods_of(
                table, bounds, first, last, starts, asked.cohorts, asked.periods, cohorts, found
            ),
        )
        return cohorts, found

    def matrix(self, cohorts: Cohorts, found: Returns, asked: Retention) -> Matrix:
        """As the port says."""
        parts: list[Table] = []

        def work(first: int, last: int) -> None:
            counts = np.zeros((asked.cohorts, 1 + asked.periods), np.int64)
            stop = min(last * BLOCK_PERSONS, len(cohorts))
            retention.tallied(cohorts, found, first * BLOCK_PERSONS, stop, asked.periods, counts)
            parts.append(counts)

        self._threads.each(-(-len(cohorts) // BLOCK_PERSONS), work, self._cancellation)
        total = sum(parts, np.zeros((asked.cohorts, 1 + asked.periods), np.int64))
        return Matrix(total[:, 0].tolist(), total[:, 1:].tolist())

    def walks(self, tracks: Sequence[Track], asked: Walking, persons: int) -> tuple[Ints, Walks]:
        """As the port says."""
        read, limits = tracks_of(tracks, persons), paths.limits_of(asked)
        counts = np.zeros(read.blocks + 1, np.int64)
        self._each(
            read,
            lambda table, bounds, first, last: paths.walkers(table, bounds, first, last, limits, counts),
        )
        offsets = np.cumsum(counts) - counts
        who = np.zeros(int(offsets[-1]), np.int64)
        found = np.empty((len(who), asked.depth), np.int16)
        self._each(
            read,
            lambda table, bounds, first, last: paths.walk(
                table,
                bounds,
                first,
                last,
                limits,
                int(asked.backwards),
                int(asked.collapse),
                offsets,
                who,
                found,
            ),
        )
        return who, found

    def _each(self, tracks: Tracks, work: Callable[[Table, Table, int, int], None]) -> None:
        self._threads.each(
            tracks.blocks,
            lambda first, last: work(tracks.table, tracks.bounds, first, last),
            self._cancellation,
        )


def _homes(tracks: Sequence[Track], steps: int) -> Table | None:
    """Of each step before the first that no event can be, the one track whose events can be it; None when a step has
    several."""
    passed = [any_flags(each) for each in tracks]
    homes: list[int] = []
    for step in range(steps):
        of_step = [place for place, flags in enumerate(passed) if flags >> step & 1]
        if not of_step:
            break
        if len(of_step) > 1:
            return None
        homes += of_step
    return np.array(homes, np.int64)
