"""Passes by kernels: what `rules.evaluate.events` computes over rows, on all processors."""

from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
from rules.evaluate.events import Chosen, Flagged
from rules.evaluate.events.columns import Bools, Ints, Numbers
from servicekit.kernels.threads import Threads

from tagging.domain.behaviour.tracks import Track

from . import aggregates, chains
from .compiled import address_of
from .tracks import any_flags, tracks_of

BLOCK_ROWS = 16_384
UNBOUNDED_US = 2**62
"""Longer than between any two events."""


class KernelPasses:
    """Passes."""

    def __init__(self, threads: Threads) -> None:
        self._threads = threads

    def counts(self, rows: Chosen, persons: int) -> Ints:
        """As the port says."""
        found = np.zeros(persons, np.int64)
        self._each(rows, None, aggregates.counted, found)
        return found

    def totals(self, rows: Chosen, values: Numbers, persons: int) -> Ints | None:
        """As the port says."""
        found = np.zeros(persons, np.int64)
        return found if all(self._each(rows, values, aggregates.added, found)) else None

    def places(self, rows: Chosen, index: int, persons: int) -> Ints:
        """As the port says."""
        found = np.full(persons, -1, np.int64)
        self._each(rows, None, aggregates.placed, index, found)
        return found

    def extremes(self, rows: Chosen, values: Numbers, persons: int, *, greatest: bool) -> tuple[Bools, Ints]:
        """As the port says."""
        known, found = np.zeros(persons, np.bool_), np.zeros(persons, np.int64)
        self._each(rows, values, aggregates.outermost, int(greatest), known, found)
        return known, found

    def days(self, rows: Chosen, offset_us: int, persons: int) -> Ints:
        """As the port says."""
        found = np.zeros(persons, np.int64)
        self._each(rows, None, aggregates.on_days, offset_us, found)
        return found

    def by_code(self, owners: Numbers, codes: Numbers) -> Ints:
        """As the port says."""
        order = np.arange(len(owners))
        owners, codes = np.ascontiguousarray(owners, np.int32), np.ascontiguousarray(codes, np.int64)
        described = np.array([address_of(owners), 0, 0, address_of(codes), len(owners), 0, 0], np.int64)
        self._over(described, aggregates.by_code, order)
        return order

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
        tracks = [Track(each.owners, each.times, each.sequences, each.flags) for each in parts]
        wanted, unwanted = np.array(matches, np.int64), np.array(forbidden, np.int64)
        of_steps = int(np.bitwise_or.reduce(wanted))
        needed = np.flatnonzero([any_flags(each) & of_steps for each in tracks])
        if not len(needed):
            return found
        read = tracks_of(tracks, persons)
        within = UNBOUNDED_US if within_us is None else within_us
        self._threads.each(
            read.blocks,
            lambda first, last: chains.chained(
                read.table, read.bounds, first, last, wanted, unwanted, needed, within, found
            ),
        )
        return found

    def _each(
        self, rows: Chosen, values: Numbers | None, kernel: Callable[..., Any], *more: Any
    ) -> list[Any]:
        """What a kernel answers of each range of rows."""
        owners = np.ascontiguousarray(rows.owners, np.int32)
        times = np.ascontiguousarray(rows.times, np.int64)
        passing = reduce(np.logical_and, rows.conditions) if rows.conditions else None
        passing = None if passing is None else np.ascontiguousarray(passing, np.bool_)
        values = None if values is None else np.ascontiguousarray(values, np.int64)
        addresses = [0 if each is None else address_of(each) for each in (owners, times, passing, values)]
        described = np.array([*addresses, len(owners), rows.since_us, rows.before_us], np.int64)
        return self._over(described, kernel, *more)

    def _over(self, described: Ints, kernel: Callable[..., Any], *more: Any) -> list[Any]:
        """The arrays that are described are kept by the caller."""
        answers: list[Any] = []
        count = int(described[aggregates.COUNT])

        def work(first: int, last: int) -> None:
            answers.append(kernel(described, first * BLOCK_ROWS, min(last * BLOCK_ROWS, count), *more))

        self._threads.each(-(-count // BLOCK_ROWS), work)
        return answers
