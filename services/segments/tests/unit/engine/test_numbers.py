"""Ranges over bit slices find whom a comparison of each number finds."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

SIZE = 1 << 16
LEAST, MOST = -(2**63), 2**63 - 1
POOLS = (
    (0,),
    (LEAST, MOST),
    (LEAST, LEAST + 1, -1, 0, 1, MOST - 1, MOST),
    tuple(range(-30_000, 30_000, 10_000)),
    (5, 5 + 3 * 10**12, 5 + 7 * 10**12),
    tuple(2**each for each in range(62)),
)


@st.composite
def numbers(draw):
    """(numbers, offsets or None) of one block: everybody, or some."""
    pool = np.asarray(draw(st.sampled_from(POOLS)), np.int64)
    random = np.random.default_rng(draw(st.integers(0, 999)))
    count = draw(st.sampled_from([1, 2, 1_024, 1_025, 40_000, SIZE]))
    offsets = np.sort(random.choice(SIZE, count, replace=False)).astype(np.uint16)
    return pool[random.integers(0, len(pool), count)], None if count == SIZE else offsets


@given(first=numbers(), second=numbers(), data=st.data())
def test_a_range_finds_who_has_a_number_within(threads, first, second, data):
    from segments.engine.algebra import InRange, Not
    from segments.engine.answers import members
    from segments.engine.numbers import NumberBlock, number_column
    from segments.engine.program import program_of
    from segments.engine.sets import CodedBlock, set_column

    column = number_column([NumberBlock(*first), None, NumberBlock(*second)], threads)
    everyone = CodedBlock(np.zeros(SIZE, np.uint16))
    universe = set_column([everyone] * 4, 1, threads)
    everybody, all_numbers = [], []
    for block, (values, offsets) in ((0, first), (2, second)):
        places = np.arange(SIZE) if offsets is None else offsets.astype(np.int64)
        everybody.append(block * SIZE + places)
        all_numbers.append(values)
    ids, whose = np.concatenate(everybody), np.concatenate(all_numbers)
    seen = sorted({*np.unique(whose).tolist(), LEAST, MOST, 0})
    near = st.sampled_from(seen).flatmap(lambda each: st.sampled_from([each - 1, each, each + 1]))
    for _ in range(3):
        low, high = (min(max(data.draw(near), LEAST), MOST) for _ in range(2))
        inside = InRange(column, low, high)
        found, rest = members(program_of([inside, Not(inside)], universe), threads)
        assert np.array_equal(found.ids(), ids[(low <= whose) & (whose <= high)])
        assert len(found) + len(rest) == 4 * SIZE


@pytest.mark.parametrize(("step", "bits"), [(1, 16), (10_000, 16), (1_000_000, 16)])
def test_slices_leave_out_what_all_numbers_are_multiples_of(threads, step, bits):
    from segments.engine.numbers import WIDTH, NumberBlock, number_column

    numbers_ = np.arange(SIZE, dtype=np.int64) * step - 77
    column = number_column([NumberBlock(numbers_)], threads)
    assert column.frames[0, WIDTH] == bits
