"""TGI, and when a preference is believed."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from segments.domain.insight.preference import Standards, Verdict, target_group_index, verdict, weight_of

COUNTS = st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=8)


def test_the_share_here_over_the_share_there() -> None:
    """Half of 80 against a quarter of 400 is twice as often."""
    tgi = target_group_index(np.asarray([40, 40, 0]), 80, np.asarray([100, 300, 0]), 400)
    assert tgi[:2] == pytest.approx([200.0, 100 * 0.5 / 0.75])
    assert math.isnan(tgi[2])
    assert weight_of(40, tgi[0]) == pytest.approx(4_000)


@given(COUNTS)
def test_weighted_by_the_base_the_index_averages_a_hundred(pairs: list[tuple[int, int]]) -> None:
    """Over values that everybody known has exactly one of; an audience inside its base."""
    inside = np.asarray([a for a, _ in pairs])
    base = inside + np.asarray([b for _, b in pairs])
    tgi = target_group_index(inside, int(inside.sum()), base, int(base.sum()))
    if inside.sum():
        there = base > 0
        assert (tgi[there] * base[there]).sum() / base.sum() == pytest.approx(100)


def test_the_base_itself_prefers_nothing() -> None:
    counts = np.asarray([7, 93])
    assert target_group_index(counts, 100, counts, 100) == pytest.approx([100, 100])


@pytest.mark.parametrize(
    ("persons", "audience", "tgi", "p", "said"),
    [
        (30, 3_000, 110.0, 0.049, Verdict.PREFERS),
        (30, 3_000, 90.0, 0.049, Verdict.AVOIDS),
        (30, 3_000, 110.0, 0.05, Verdict.CHANCE),
        (29, 100, 500.0, 0.0, Verdict.FEW_PERSONS),
        (30, 3_001, 500.0, 0.0, Verdict.SMALL_SHARE),
        (900, 1_000, 109.999, 0.0, Verdict.AS_BASE),
        (900, 1_000, 90.001, 0.0, Verdict.AS_BASE),
        (900, 1_000, math.nan, 1.0, Verdict.NO_BASE),
    ],
)
def test_what_is_said_and_what_is_greyed(
    persons: int, audience: int, tgi: float, p: float, said: Verdict
) -> None:
    assert verdict(persons, audience, tgi, p, Standards()) is said
