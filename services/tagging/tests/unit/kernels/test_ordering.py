"""Rows get the order that a sort of all of them gives, whatever order they stand in."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

PERSONS = 10_000


@given(st.integers(0, 2**32), st.sampled_from(["any", "by key", "in order"]), st.booleans())
def test_rows_are_in_order_of_person_time_and_sequence(threads, seed, standing, all_count):
    from tagging.kernels.ordering import order_of

    draw = np.random.default_rng(seed)
    count = int(draw.integers(0, 300))
    owners = draw.choice([0, 1, 5, 4_095, 4_096, PERSONS - 1], count).astype(np.int32)
    times, sequences = draw.integers(0, 30, count), draw.permutation(count)
    if standing == "by key":
        keys = owners * 3 + draw.integers(0, 3, count)
        by_key = np.lexsort((sequences, times, keys))
        owners, times, sequences = owners[by_key], times[by_key], sequences[by_key]
    if standing == "in order":
        whole = np.lexsort((sequences, times, owners))
        owners, times, sequences = owners[whole], times[whole], sequences[whole]
    counting = np.ones(count, np.bool_) if all_count else draw.random(count) < 0.8
    counted = np.flatnonzero(counting)
    wanted = counted[np.lexsort((sequences[counted], times[counted], owners[counted]))]
    found = order_of(owners, times, sequences, counting, PERSONS, threads)
    if found is None:
        assert counting.all()
        found = np.arange(count)
    np.testing.assert_array_equal(found, wanted)
    if standing == "in order" and all_count:
        assert order_of(owners, times, sequences, counting, PERSONS, threads) is None


@pytest.mark.parametrize("count", [2, 3, 1_000])
def test_rows_in_falling_order_are_merged(threads, count):
    from tagging.kernels.ordering import order_of

    rows = np.arange(count)
    found = order_of(np.zeros(count, np.int32), rows[::-1].copy(), rows, np.ones(count, np.bool_), 1, threads)
    np.testing.assert_array_equal(found, rows[::-1])
