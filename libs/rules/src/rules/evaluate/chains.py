"""Sequences over arrays of events: a few passes per step, whoever and however many the events are of."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ChainRows:
    """Events that may be steps or are forbidden before one: those of a person and key together, in their total order.

    begins     where the events of a person and key begin
    times      microseconds since 1970 UTC, ascending within each
    matches    of each step, which events may be it
    forbidden  of each step, which events may not lie between it and the one before; None for none. The first has none
    """

    begins: Bools
    times: Ints
    matches: Sequence[Bools]
    forbidden: Sequence[Bools | None]


def ends(rows: ChainRows, within_us: int | None) -> Bools:
    """Which events are the last step of a match; `within_us` bounds first step to last, inclusive.

    Of each event, the place of the latest first step that a chain up to it may begin with. Forbidden events number the
    stretches that a chain may not leave; the latest beginning within a stretch is a running maximum of
    (stretch, place) as one number: below 2^62 for as many events as memory holds.
    """
    count = len(rows.begins)
    if not count:
        return np.zeros(0, np.bool_)
    places = np.arange(count, dtype=np.int64)
    starts: Ints = np.where(rows.matches[0], places, -1)
    for matches, forbidden in zip(rows.matches[1:], rows.forbidden[1:], strict=True):
        stretches = np.cumsum(rows.begins if forbidden is None else rows.begins | forbidden) * (count + 1)
        latest = np.maximum.accumulate(stretches + starts + 1) - stretches - 1
        before = np.empty(count, np.int64)
        before[0], before[1:] = -1, latest[:-1]
        continues = matches & ~rows.begins & (before >= 0)
        if within_us is not None:
            continues &= rows.times - rows.times[np.maximum(before, 0)] <= within_us
        starts = np.where(continues, before, -1)
    found: Bools = starts >= 0
    return found


def key_codes(columns: Sequence[npt.NDArray[Any]]) -> Ints:
    """One number per row that is equal where all columns are: columns of one length, of integers."""
    codes: Ints = np.zeros(len(columns[0]), np.int64)
    for column in columns:
        _, ranks = np.unique(column, return_inverse=True)
        _, codes = np.unique(codes * (int(ranks.max(initial=0)) + 1) + ranks, return_inverse=True)
    return codes.astype(np.int64)
