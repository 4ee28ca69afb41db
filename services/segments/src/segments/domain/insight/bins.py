"""Histograms: numbers in bins whose bounds people can read."""

import math

import numpy as np
from rules.values import INT64_MIN
from segments.domain.insight.counts import ValueCounts
from segments.domain.insight.summary import quantile
from segments.domain.packing import Codes

WANTED_BINS = 10
MAX_BINS = 50
_TAIL = 0.01
_STEPS = (1, 2, 5)


def bounds_of(counted: ValueCounts, wanted: int = WANTED_BINS) -> tuple[int, ...]:
    """Ascending bounds of about `wanted` bins: multiples of 1, 2 or 5 times a power of ten, from the hundredth to the
    ninety-ninth percentile; never finer than the values are. Below the first and from the last on bins are open.
    Empty when nobody has a value."""
    if not counted.known:
        return ()
    first, last = quantile(counted, _TAIL), quantile(counted, 1 - _TAIL)
    apart = counted.codes.view(np.uint64) - counted.codes.view(np.uint64)[0]
    grain = int(np.gcd.reduce(apart)) or 1
    step = _readable(max(-(-(last - first) // wanted), grain, 1))
    start = first // step * step
    bounds = [each for each in range(start, last + 1, step) if each >= INT64_MIN]
    return tuple(bounds[:MAX_BINS]) or (first,)


def bins_of(codes: Codes, bounds: tuple[int, ...]) -> Codes:
    """The bin of each code: 0 is below the first bound, i is from bounds[i - 1] up to but without bounds[i]."""
    return np.searchsorted(np.asarray(bounds, np.int64), codes, side="right").astype(np.int64)


def _readable(least: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, ... that is no less."""
    power: int = 10 ** int(math.log10(least))
    while power > least:
        power //= 10
    return next(step * power for step in (*_STEPS, 10, 20) if step * power >= least)
