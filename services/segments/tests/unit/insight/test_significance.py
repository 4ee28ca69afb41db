"""Tests and their correction against SciPy and printed examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from segments.domain.insight.significance import corrected, differences, fisher_irwin

COUNT = st.integers(0, 60)


@given(COUNT, COUNT, COUNT, COUNT)
def test_it_is_scipys_test_that_campbells_rule_chooses(a: int, b: int, c: int, d: int) -> None:
    (found,) = differences(np.asarray([a]), a + b, np.asarray([c]), c + d)
    people, first, second, having = a + b + c + d, a + b, c + d, a + c
    if 0 in (first, second, having, people - having):
        assert found == 1
        return
    if min(having, people - having) * min(first, second) / people < 1:
        wanted = stats.fisher_exact([[a, b], [c, d]]).pvalue
    else:
        pearson = stats.chi2_contingency([[a, b], [c, d]], correction=False).statistic
        wanted = stats.chi2.sf(pearson * (people - 1) / people, 1)
    assert found == pytest.approx(wanted, rel=1e-6, abs=1e-12)


def test_the_lady_tasting_tea() -> None:
    """R. A. Fisher, The Design of Experiments (1935): three of four cups, 34/70 two-sided."""
    assert fisher_irwin(3, 4, 4, 8) == pytest.approx(34 / 70)
    assert fisher_irwin(4, 4, 4, 8) == pytest.approx(2 / 70)


def test_tens_of_millions_do_not_overflow() -> None:
    crowd = np.asarray([50_000_000, 49_990_000], np.int64)
    same, other = differences(crowd, 100_000_000, np.asarray([50_000_000] * 2, np.int64), 100_000_000)
    assert same == 1
    assert 0 < other < 1
    assert other == pytest.approx(0.1573, abs=1e-3)


def test_the_example_of_benjamini_and_hochberg() -> None:
    """Their table of 15 p-values at q = .05: the four smallest are called real."""
    printed = [0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262, 0.5719]
    printed += [0.6528, 0.7590, 1.0]
    found = corrected(np.asarray(printed))
    assert (found < 0.05).sum() == 4


@given(st.lists(st.floats(0, 1), max_size=20))
def test_correction_is_scipys(p_values: list[float]) -> None:
    found = corrected(np.asarray(p_values, np.float64))
    wanted = stats.false_discovery_control(p_values) if p_values else []
    assert found == pytest.approx(wanted)
