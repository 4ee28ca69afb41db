"""Distributions and the index of how far they moved."""

import datetime as dt
import itertools

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rules.values import SCALE, Kind
from tagging.domain.columns import days
from tagging.domain.quality.distribution import (
    MAX_BINS,
    MAX_NAMED,
    MIN_NAMED_COUNT,
    BinnedCounts,
    NamedCounts,
    binned,
    edges_of,
    most_frequent,
    named,
    ordered,
    total,
)
from tagging.domain.quality.stability import LITTLE, MUCH, stability_index

NUMBERS = st.lists(st.integers(-(10**12), 10**12), min_size=1, max_size=60)
COUNTS = st.lists(st.integers(0, 10**6), min_size=4, max_size=4).filter(any)


def bins(counts):
    return BinnedCounts((1, 2, 3), tuple(counts))


@given(COUNTS, COUNTS)
def test_the_index_is_never_negative_and_the_same_both_ways(then, now):
    found = stability_index(bins(then), bins(now))
    assert found is not None
    assert found >= 0
    assert found == stability_index(bins(now), bins(then))


@given(COUNTS, st.integers(1, 50))
def test_the_index_is_zero_when_all_shares_are_the_same(counts, times):
    assert stability_index(bins(counts), bins([each * times for each in counts])) == 0


@given(COUNTS, st.integers(0, 3))
def test_the_index_is_above_zero_when_a_share_moved(counts, place):
    moved = list(counts)
    moved[place] += sum(counts)  # by half of all, unless everything lies there already
    if counts[place] != sum(counts) and 100 * (sum(counts) - counts[place]) >= sum(
        counts
    ):  # less rounds to nothing
        assert stability_index(bins(counts), bins(moved)) > 0


def test_the_index_is_that_of_the_formula():
    # (0.4 - 0.5) * ln(0.4 / 0.5) + (0.6 - 0.5) * ln(0.6 / 0.5) = 0.04055
    then, now = BinnedCounts((5,), (50, 50)), BinnedCounts((5,), (40, 60))
    assert stability_index(then, now) == 405
    assert LITTLE == SCALE // 10
    assert MUCH == SCALE // 4


def test_what_cannot_be_compared_has_no_index():
    some = BinnedCounts((5,), (1, 1))
    assert stability_index(some, BinnedCounts((6,), (1, 1))) is None
    assert stability_index(some, BinnedCounts((5,), (0, 0))) is None
    assert stability_index(some, NamedCounts((("a", 1),))) is None


def test_values_that_come_and_go_move_the_index():
    then = NamedCounts((("a", 600), ("b", 300)), 100, 9)
    now = NamedCounts((("a", 600), ("c", 300)), 100, 9)
    assert stability_index(then, now) > MUCH  # fewer than five have b now, and had c then
    assert stability_index(NamedCounts(((True, 900),)), NamedCounts(((False, 900),))) > MUCH
    assert stability_index(then, NamedCounts((("c", 900),), 100, 9)) > MUCH


def test_where_as_many_as_may_be_are_told_the_rest_counts_among_the_others():
    names = [f"v{number:02d}" for number in range(MAX_NAMED + 1)]
    then = NamedCounts(tuple((each, 10) for each in names[:-1]), 100, 60)
    now = NamedCounts(tuple((each, 10) for each in names[1:]), 100, 60)
    assert stability_index(then, now) == 0  # the first went to the others, the last came from them
    fewer = NamedCounts(tuple((each, 10) for each in names[1:-1]), 110, 60)
    assert stability_index(then, fewer) > 0


def test_others_of_another_size_move_the_index():
    then = NamedCounts((("a", 600), ("b", 300)), 100, 9)
    fallen = NamedCounts((("a", 100), ("b", 800)), 100, 9)
    assert stability_index(then, fallen) > MUCH


@given(NUMBERS, NUMBERS)
def test_every_number_is_in_the_bin_that_its_edges_say(sample, numbers):
    edges = edges_of(np.array(sample, np.int64))
    assert list(edges) == sorted(set(edges))
    assert len(edges) < MAX_BINS
    counts = binned(np.array(numbers, np.int64), edges)
    ends = [-(10**13), *edges, 10**13]
    assert counts.tolist() == [
        sum(low <= each < high for each in numbers) for low, high in itertools.pairwise(ends)
    ]


def test_bins_of_many_numbers_are_of_about_the_same_size():
    numbers = np.arange(10_000, dtype=np.int64) ** 2
    counts = binned(numbers, edges_of(numbers))
    assert len(counts) == MAX_BINS
    assert counts.min() >= 490
    assert counts.max() <= 510


def test_a_number_that_most_have_is_seen_when_it_goes():
    zeros = np.zeros(9_600, np.int64)
    for sample in (zeros, np.concatenate((zeros, np.arange(1, 401, dtype=np.int64)))):
        edges = edges_of(sample)
        then = BinnedCounts(edges, tuple(binned(sample, edges).tolist()))
        now = BinnedCounts(edges, tuple(binned(sample + 10_000, edges).tolist()))
        assert stability_index(then, now) > MUCH


def test_dates_and_moments_count_as_days_before_the_measurement():
    day = days(dt.date(2026, 3, 10))
    dates = np.array([day, day - 30, day + 1], np.int64)
    assert ordered(dates, Kind.DATE, day).tolist() == [0, 30, -1]
    moments = np.array([day * 86_400_000_000 + 1, (day - 2) * 86_400_000_000], np.int64)
    assert ordered(moments, Kind.DATETIME, day).tolist() == [0, 2]


def test_what_few_have_is_not_told_by_name():
    counts = np.array([0, 10, MIN_NAMED_COUNT, MIN_NAMED_COUNT - 1, 10], np.int64)
    told = most_frequent(counts)
    assert told == [1, 4, 2]
    found = named(counts, {code: f"v{code}" for code in told})
    assert found.counts == (("v1", 10), ("v4", 10), ("v2", 5))
    assert (found.other, found.distinct, total(found)) == (4, 4, 29)


def test_at_most_fifty_are_told_by_name():
    assert len(most_frequent(np.arange(100, 20, -1))) == 50
