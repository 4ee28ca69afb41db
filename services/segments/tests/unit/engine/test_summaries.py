"""Sums, ends and histograms agree with the numbers themselves."""

from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rules.values import divide_half_even

SIZE = 1 << 16
POOLS = (
    (7,),
    (-(2**63), 2**63 - 1),
    (-(2**63), -1, 0, 2**63 - 1),
    tuple(range(-30_000, 30_000, 10_000)),
    tuple(2**each - 1 for each in range(62)),
)


@given(
    pools=st.lists(st.sampled_from(POOLS), min_size=2, max_size=2),
    counts=st.lists(st.sampled_from([1, 900, 1_025, SIZE]), min_size=2, max_size=2),
    share=st.sampled_from([0.0, 0.001, 0.5, 1.0]),
    seed=st.integers(0, 99),
)
def test_a_summary_is_of_the_numbers_of_the_audience(threads, pools, counts, share, seed):
    from segments.engine.members import Members
    from segments.engine.numbers import NumberBlock, number_column
    from segments.engine.summaries import histogram, summary

    random = np.random.default_rng(seed)
    chosen = random.random(3 * SIZE) < share
    blocks, numbers = [], []
    for block, (pool, persons) in enumerate(zip(pools, counts, strict=True)):
        offsets = np.sort(random.choice(SIZE, persons, replace=False)).astype(np.uint16)
        values = np.asarray(pool, np.int64)[random.integers(0, len(pool), persons)]
        blocks.append(NumberBlock(values, offsets))
        numbers += values[chosen[block * SIZE + offsets.astype(np.int64)]].tolist()
    column = number_column(blocks, threads)
    words = np.packbits(chosen, bitorder="little").view(np.uint64)
    audience = Members(words, chosen.reshape(3, SIZE).sum(axis=1))
    found = summary(audience, column, threads)
    assert (found.persons, found.total) == (len(numbers), sum(numbers))
    assert (found.smallest, found.largest) == (min(numbers, default=None), max(numbers, default=None))
    assert found.mean == (divide_half_even(sum(numbers), len(numbers)) if numbers else None)
    edges = [-(2**63), -1, 0, 10_001, 2**40]
    expected = [sum(low <= each < high for each in numbers) for low, high in pairwise(edges)]
    assert histogram(audience, column, edges, threads) == expected
