"""Figures, intervals, thresholds by labels, and ids that stay."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from identity.domain.matching.evaluation import (
    MIN_LABELS,
    LabelledPair,
    evaluate,
    lowest_safe_weight,
    pair_figures,
    wilson,
)
from identity.domain.matching.stable_ids import carry_over


def test_pairs_are_counted_over_all_rows() -> None:
    figures = pair_figures({0: 0, 1: 0, 2: 0, 3: 3}, {0: "a", 1: "a", 2: "b", 3: "a"})
    assert (figures.precision, figures.recall, figures.largest) == (1 / 3, 1 / 3, 3)
    assert figures.f1 == pytest.approx(1 / 3)


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605)],
)
def test_intervals_are_those_of_the_literature(right: int, total: int, low: float, high: float) -> None:
    """81/263 and 15/148 are method 3 of table I in Newcombe, Statistics in Medicine 17 (1998)."""
    share = wilson(right, total)
    assert (share.low, share.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))


@given(st.integers(0, 200), st.integers(0, 200))
def test_an_interval_holds_its_share(right: int, wrong: int) -> None:
    share = wilson(right, right + wrong)
    assert 0.0 <= share.low <= share.value <= share.high <= 1.0


def test_the_lowest_safe_weight_needs_enough_right_labels() -> None:
    sure = [LabelledPair(float(weight), True) for weight in range(100, 100 + 400)]
    assert lowest_safe_weight(sure[: MIN_LABELS - 1], 0.5) is None
    assert lowest_safe_weight(sure, 0.99) == 100.0
    doubtful = sure + [LabelledPair(float(weight), weight % 2 == 0) for weight in range(100)]
    assert 90.0 <= (lowest_safe_weight(doubtful, 0.97) or 0.0) <= 100.0
    assert lowest_safe_weight([LabelledPair(1.0, False)] * 50, 0.5) is None


def test_thresholds_are_judged_by_labels() -> None:
    labels = [
        LabelledPair(3.0, True),
        LabelledPair(1.0, True),
        LabelledPair(1.0, False),
        LabelledPair(-1.0, False),
    ]
    low, high = evaluate(labels, [2.0, 0.0, 2.0])
    assert (low.weight, low.precision.value, low.recall.value) == (0.0, 2 / 3, 1.0)
    assert (high.weight, high.precision.value, high.recall.value) == (2.0, 1.0, 0.5)


MEMBERS = st.dictionaries(st.integers(0, 12), st.integers(0, 4))


@given(MEMBERS, st.dictionaries(st.integers(0, 12), st.integers(100, 104)))
def test_ids_are_carried_over_once_each(clusters: dict[int, int], before: dict[int, int]) -> None:
    fresh = iter(range(200, 300))
    ids = carry_over(clusters, before, lambda: next(fresh))
    groups = {frozenset(m for m in clusters if clusters[m] == group) for group in clusters.values()}
    assert {frozenset(m for m in ids if ids[m] == id_) for id_ in ids.values()} == groups
    assert carry_over(clusters, ids, lambda: pytest.fail("a new id")) == ids


def test_the_largest_overlap_keeps_the_id() -> None:
    before = {1: 10, 2: 10, 3: 10, 4: 20}
    split = carry_over({1: 0, 2: 0, 3: 1, 4: 1}, before, lambda: 99)
    assert split == {1: 10, 2: 10, 3: 20, 4: 20}
    merged = carry_over(dict.fromkeys((1, 2, 3, 4), 0), before, lambda: 99)
    assert set(merged.values()) == {10}
