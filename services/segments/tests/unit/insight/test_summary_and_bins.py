"""Figures of numbers against NumPy's and exact arithmetic."""

from fractions import Fraction
from itertools import pairwise

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from segments.domain.insight.bins import MAX_BINS, bins_of, bounds_of
from segments.domain.insight.counts import ValueCounts, aligned
from segments.domain.insight.summary import QUANTILES, quantile, sum_of, summary_of

BIG = 2**63 - 1
NUMBERS = st.lists(st.integers(-BIG, BIG) | st.integers(-50, 50), min_size=1, max_size=30)


def counted(numbers: list[int]) -> ValueCounts:
    return ValueCounts.of(*np.unique(np.asarray(numbers, np.int64), return_counts=True))


@given(NUMBERS)
def test_figures_are_those_of_the_single_numbers(numbers: list[int]) -> None:
    found = summary_of(counted(numbers))
    assert found is not None
    assert sum_of(counted(numbers)) == sum(numbers)
    assert found.mean == round(Fraction(sum(numbers), len(numbers)))
    assert (found.least, found.most, found.persons) == (min(numbers), max(numbers), len(numbers))
    wanted = [int(np.quantile(np.asarray(numbers, object), q, method="inverted_cdf")) for q in QUANTILES]
    assert list(found.quantiles) == wanted


def test_a_textbook_spread() -> None:
    """2, 4, 4, 4, 5, 5, 7, 9: mean 5, deviation 2."""
    found = summary_of(counted([20_000, 40_000, 40_000, 40_000, 50_000, 50_000, 70_000, 90_000]))
    assert found is not None
    assert (found.mean, found.deviation) == (50_000, 20_000)


def test_single_persons_are_not_told_of() -> None:
    assert summary_of(counted(list(range(9))), fewest=10) is None
    found = summary_of(counted(list(range(40))), fewest=10)
    assert found is not None
    assert (found.least, found.most) == (None, None)
    assert found.quantiles == (None, 9, 19, 29, None)


@given(NUMBERS, st.integers(1, 30))
@example([-1, -5_000_000_000_000_000_002], 1)
def test_everybody_is_in_one_bin(numbers: list[int], wanted: int) -> None:
    here = counted(numbers)
    bounds = bounds_of(here, wanted)
    assert 0 < len(bounds) <= MAX_BINS
    assert all(low < high for low, high in pairwise(bounds))
    for code, place in zip(here.codes.tolist(), bins_of(here.codes, bounds).tolist(), strict=True):
        assert place == 0 or bounds[place - 1] <= code
        assert place == len(bounds) or code < bounds[place]


def test_bounds_can_be_read() -> None:
    assert bounds_of(counted([0, 10_000, 20_000, 30_000, 50_000] * 40)) == tuple(range(0, 60_000, 10_000))
    spread = bounds_of(counted(list(range(0, 10_000_000, 10_000))))
    assert {high - low for low, high in pairwise(spread)} == {1_000_000}
    assert bounds_of(ValueCounts.of([], [])) == ()
    assert quantile(counted([1, 2, 3, 4]), 0.5) == 2


def test_counts_of_who_remains() -> None:
    rest = ValueCounts.of([1, 2, 5], [4, 3, 2]).minus(ValueCounts.of([2, 5], [3, 1]))
    assert (rest.counts.tolist(), rest.known) == ([4, 0, 1], 5)
    codes, (left, right) = aligned([ValueCounts.of([1, 3], [1, 1]), ValueCounts.of([2], [9])])
    assert (codes.tolist(), left.tolist(), right.tolist()) == ([1, 2, 3], [1, 0, 1], [0, 9, 0])
