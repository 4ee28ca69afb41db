"""Passes by kernels: what `rules.evaluate.events` computes over rows, on all processors."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from rules.evaluate.events import Chosen, Flagged
from rules.evaluate.events.columns import Bools, Ints, Numbers
from servicekit.kernels.threads import Cancellation, Threads

from tagging.domain.behaviour.tracks import Track

from . import aggregates, chains
from .tracks import tracks_of

BLOCK_ROWS = 16_384
UNBOUNDED_US = 2**62
"""Longer than between any two events."""


class KernelPasses:
    """Passes. Raises Cancelled when the cancellation says so."""

    def __init__(self, threads: Threads, cancellation: Cancellation | None = None) -> None:
        self._threads = threads
        self._cancellation = cancellation

    def counts(self, rows: Chosen, persons: int) -> Ints:
        """As the port says."""
        found = np.zeros(persons, np.int64)
        self._each(rows, aggregates.counted, found)
        return found

    def totals(self, rows: Chosen, values: Numbers, persons: int) -> Ints | None:
        """As the port says."""
        found, read = np.zeros(persons, np.int64), _longs(values)
        return found if all(self._each(rows, aggregates.added, read, found)) else None

    def places(self, rows: Chosen, index: int, persons: int) -> Ints:
        """As the port says."""
        found = np.full(persons, -1, np.int64)
        self._each(rows, aggregates.placed, index, found)
        return found

    def extremes(self, rows: Chosen, values: Numbers, persons: int, *, greatest: bool) -> tuple[Bools, Ints]:
        """As the port says."""
        known, found, read = np.zeros(persons, np.bool_), np.zeros(persons, np.int64), _longs(values)
        self._each(rows, aggregates.outermost, read, int(greatest), known, found)
        return known, found

    def days(self, rows: Chosen, offset_us: int, persons: int) -> Ints:
        """As the port says."""
        found = np.zeros(persons, np.int64)
        self._each(rows, aggregates.on_days, offset_us, found)
        return found

    def chained(
        self,
        parts: Sequence[Flagged],
        matches: Sequence[int],
        forbidden: Sequence[int],
        within_us: int | None,
        persons: int,
    ) -> Bools:
        """As the port says."""
        found = np.zeros(persons, np.bool_)
        read = tracks_of(
            [Track(each.owners, each.times, each.sequences, each.flags) for each in parts], persons
        )
        wanted, unwanted = np.array(matches, np.int64), np.array(forbidden, np.int64)
        within = UNBOUNDED_US if within_us is None else within_us
        self._threads.each(
            read.blocks,
            lambda first, last: chains.chained(
                read.table, read.bounds, first, last, wanted, unwanted, within, found
            ),
            self._cancellation,
        )
        return found

    def _each(self, rows: Chosen, kernel: Callable[..., Any], *more: Any) -> list[Any]:
        """What a kernel answers of each range of rows."""
        owners, times = np.ascontiguousarray(rows.owners, np.int32), _longs(rows.times)
        passing = np.zeros(0, np.bool_)
        for number, each in enumerate(rows.conditions):
            passing = passing & each if number else np.ascontiguousarray(each)
        limits = np.array([rows.since_us, rows.before_us], np.int64)
        answers: list[Any] = []

        def work(first: int, last: int) -> None:
            low, high = first * BLOCK_ROWS, min(last * BLOCK_ROWS, len(owners))
            answers.append(kernel(owners, times, passing, low, high, limits, *more))

        self._threads.each(-(-len(owners) // BLOCK_ROWS), work, self._cancellation)
        return answers


def _longs(values: Numbers) -> npt.NDArray[np.int64]:
    return np.ascontiguousarray(values, np.int64)
