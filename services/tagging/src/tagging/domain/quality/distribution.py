"""How values spread: texts and truths by value, everything ordered by bins that stay as long as the tag's version.

Bins are cut where twentieths of the first measurement end, at most one for each distinct number; a number that
alone fills a twentieth has a bin of its own, so that it is seen when it goes. A later measurement of the same version
counts into the same bins, so that any two can be compared. Dates and moments count as whole days before the
measurement: a date that moves with the calendar is no drift.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from rules.values import Kind
from tagging.domain.columns import Ints

MAX_NAMED = 50
"""Values told by name; the rest is told together."""
MIN_NAMED_COUNT = 5
"""A value that fewer have is not told: it could be somebody's own."""
MAX_BINS = 20
MAX_SAMPLE = 100_000
"""Codes that bins are cut by."""
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class NamedCounts:
    """`counts` by value, the most frequent first, equally frequent ones by value; `other` values together.

    distinct  how many different values there are, those in `other` included
    """

    counts: tuple[tuple[str | bool, int], ...] = ()
    other: int = 0
    distinct: int = 0


@dataclass(frozen=True, slots=True)
class BinnedCounts:
    """`counts[i]` is of numbers from `edges[i - 1]` to below `edges[i]`: one more than there are edges, the first
    and the last without an end. Numbers are scaled by 10^4, dates and moments whole days before the measurement."""

    edges: tuple[int, ...]
    counts: tuple[int, ...]


Distribution: TypeAlias = NamedCounts | BinnedCounts


def total(distribution: Distribution) -> int:
    """Values counted."""
    match distribution:
        case NamedCounts(counts, other):
            return sum(count for _, count in counts) + other
        case BinnedCounts(counts=counts):
            return sum(counts)


def is_ordered(base: Kind) -> bool:
    """Whether values of a kind are counted in bins."""
    return base in (Kind.NUMBER, Kind.DATE, Kind.DATETIME)


def ordered(codes: Ints, base: Kind, day: int) -> Ints:
    """What codes of an ordered kind count as. `day`: of the measurement, in days since 1970."""
    match base:
        case Kind.DATE:
            return day - codes
        case Kind.DATETIME:
            return day - codes // _DAY_US
    return codes


def edges_of(sample: Ints) -> tuple[int, ...]:
    """Where bins of about equal size begin, rising; of few distinct numbers each has a bin of its own, and so has a
    number that would fill several."""
    distinct = np.unique(sample)
    if len(distinct) == 1:
        return int(distinct[0]), int(distinct[0]) + 1
    if len(distinct) <= MAX_BINS:
        return tuple(distinct[1:].tolist())
    ranks = np.arange(1, MAX_BINS) * len(sample) // MAX_BINS
    cuts, times = np.unique(np.sort(sample)[ranks], return_counts=True)
    return tuple(np.union1d(cuts, cuts[times > 1] + 1).tolist())


def binned(numbers: Ints, edges: Sequence[int]) -> Ints:
    """How many numbers are in each bin."""
    places = np.searchsorted(np.array(edges, np.int64), numbers, side="right")
    return np.bincount(places, minlength=len(edges) + 1).astype(np.int64)


def most_frequent(counts: Ints) -> list[int]:
    """The codes that may be told, at most MAX_NAMED of them; ties by code. `counts` by code, which are dense from 0."""
    told = np.flatnonzero(counts >= MIN_NAMED_COUNT)
    order = np.argsort(-counts[told], kind="stable")[:MAX_NAMED]
    return [int(code) for code in told[order]]


def named(counts: Ints, names: Mapping[int, str | bool]) -> NamedCounts:
    """`names` of the codes that are told."""
    listed = sorted(
        ((names[code], int(counts[code])) for code in names), key=lambda each: (-each[1], each[0])
    )
    other = int(counts.sum()) - sum(count for _, count in listed)
    return NamedCounts(tuple(listed), other, int(np.count_nonzero(counts)))
