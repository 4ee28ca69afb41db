"""Numbers, dates and moments of many persons in a few figures."""

import math
from dataclasses import dataclass

import numpy as np
from rules.values import divide_half_even
from segments.domain.insight.counts import ValueCounts

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
_LOW_BITS = 32


@dataclass(frozen=True, slots=True)
class Summary:
    """In the unit of the codes. `mean` is rounded half to even; `deviation` is that of these persons (over n), computed
    in binary floating point and rounded. `quantiles` by QUANTILES, each a value that somebody has; None where fewer
    than the asked number of persons lie beyond it. `least` and `most` are single persons' values."""

    persons: int
    mean: int
    deviation: int
    quantiles: tuple[int | None, ...]
    least: int | None
    most: int | None


def summary_of(counted: ValueCounts, fewest: int = 1) -> Summary | None:
    """None when fewer than `fewest` persons have a value; with more than 1 the ends are left out."""
    if counted.known < max(fewest, 1):
        return None
    total = sum_of(counted)
    mean = divide_half_even(total, counted.known)
    squares = (counted.codes.astype(np.float64) - total / counted.known) ** 2
    deviation = math.sqrt(float((squares * counted.counts).sum()) / counted.known)
    all_told = fewest <= 1
    return Summary(
        persons=counted.known,
        mean=mean,
        deviation=round(deviation),
        quantiles=tuple(
            quantile(counted, share) if min(share, 1 - share) * counted.known >= fewest or all_told else None
            for share in QUANTILES
        ),
        least=int(counted.codes[0]) if all_told else None,
        most=int(counted.codes[-1]) if all_told else None,
    )


def quantile(counted: ValueCounts, share: float) -> int:
    """The least value that `share` of the persons do not exceed (the inverse of the distribution function). At least
    one person must have a value."""
    up_to = np.cumsum(counted.counts)
    place = int(np.searchsorted(up_to, share * counted.known, side="left"))
    return int(counted.codes[min(place, len(counted.codes) - 1)])


def sum_of(counted: ValueCounts) -> int:
    """Exact, whatever the size."""
    high, low = counted.codes >> _LOW_BITS, counted.codes & ((1 << _LOW_BITS) - 1)
    return (int((high * counted.counts).sum()) << _LOW_BITS) + int((low * counted.counts).sum())
