"""Rows by the spans of time that they are in: one pass over the rows, however many spans are asked for."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
from tagging.domain.columns import Ints

SLICE = 1 << 20
"""Rows looked at together: what is between fits in the processor's memory."""


class SpanRows:
    """Of several sets of spans [start, end), microseconds since 1970 UTC; they may overlap."""

    def __init__(self, spans: Sequence[Collection[tuple[int, int]]]) -> None:
        edges = sorted({edge for each in spans for span in each for edge in span})
        self._edges = np.array(edges, np.int64)
        starts = [-(2**63), *edges]
        self._sets: list[list[int]] = [
            [number for number, each in enumerate(spans) if any(a <= start < b for a, b in each)]
            for start in starts
        ]
        """By the stretch from one edge to the next, the first of which has no start: in which sets it is."""
        self._asked = np.array([bool(each) for each in self._sets])

    def of(self, times: Ints) -> Iterator[tuple[Sequence[int], Ints]]:
        """Which sets, and rows that are in these; a row once."""
        for first in range(0, len(times) if self._asked.any() else 0, SLICE):
            stretches = np.searchsorted(self._edges, times[first : first + SLICE], "right")
            rows = np.flatnonzero(self._asked[stretches])
            found = stretches[rows].astype(np.int16)
            order = np.argsort(found, kind="stable")
            counts = np.bincount(found, minlength=len(self._sets))
            ends = np.cumsum(counts)
            for stretch in np.flatnonzero(counts).tolist():
                end = int(ends[stretch])
                yield self._sets[stretch], first + rows[order[end - int(counts[stretch]) : end]]
