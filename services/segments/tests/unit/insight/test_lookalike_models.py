"""Lookalike models against SciPy, and against what must be."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import optimize, stats
from segments.domain.insight.lookalike.design import Design
from segments.domain.insight.lookalike.draws import draws, smallest
from segments.domain.insight.lookalike.evaluation import evaluated
from segments.domain.insight.lookalike.log_odds import log_odds_weights
from segments.domain.insight.lookalike.logistic import learn
from segments.domain.insight.significance import Floats

SCORES = st.lists(st.integers(-5, 5), min_size=1, max_size=25)


def random_design(persons: int, values: int, seed: int) -> tuple[Design, np.ndarray]:
    random = np.random.default_rng(seed)
    ones = random.random((persons, values)) < 0.3
    rows, columns = np.nonzero(ones)
    in_seed = random.random(persons) < 1 / (1 + np.exp(1 - ones @ random.normal(size=values)))
    in_seed[:2] = [True, False]
    return Design(persons, values, rows.astype(np.int64), columns.astype(np.int64)), in_seed


@given(st.integers(2, 60), st.integers(1, 6), st.integers(0, 1_000))
def test_learning_ends_where_scipy_ends(persons: int, values: int, seed: int) -> None:
    design, in_seed = random_design(persons, values, seed)

    def loss(theta: Floats) -> float:
        scores = design.times(theta[:-1]) + theta[-1]
        return float((np.logaddexp(0, scores) - in_seed * scores).sum() + 0.5 * theta[:-1] @ theta[:-1])

    learned = learn(design, in_seed)
    assert learned.converged
    found = np.append(learned.weights, learned.intercept)
    wanted = optimize.minimize(loss, np.zeros(values + 1), method="BFGS")
    assert loss(found) <= wanted.fun + 1e-6
    assert found == pytest.approx(wanted.x, abs=1e-3)


def test_a_value_that_only_the_seed_has_weighs_most_and_chance_weighs_nothing() -> None:
    """Value 0: all of the seed, nobody else; value 1: half of both."""
    in_seed = np.arange(40) < 20
    rows = np.concatenate([np.arange(20), np.arange(0, 40, 2)])
    columns = np.concatenate([np.zeros(20, np.int64), np.ones(20, np.int64)])
    weights = log_odds_weights(Design(40, 2, rows, columns), in_seed)
    ratio = 2 * math.log(20.5 / 0.5)
    assert weights[0] == pytest.approx(ratio * (1 - (2 / 20.5 + 2 / 0.5) / ratio**2))
    assert weights[1] == 0


def test_what_nobody_has_weighs_nothing() -> None:
    """Half a person in each count would make of it what a small seed is against many others."""
    in_seed = np.arange(2_000) < 20
    weights = log_odds_weights(Design(2_000, 2, np.arange(2_000), np.zeros(2_000, np.int64)), in_seed)
    assert weights[1] == 0


def test_rows_can_be_chosen() -> None:
    design, _ = random_design(30, 4, 1)
    chosen = np.arange(30) % 3 == 0
    weights = np.asarray([1.0, 2.0, 4.0, 8.0])
    assert design.only(chosen).times(weights).tolist() == design.times(weights)[chosen].tolist()


@given(SCORES, SCORES)
def test_auc_is_that_of_mann_and_whitney(seed: list[int], others: list[int]) -> None:
    found = evaluated(np.asarray(seed, np.float64), np.asarray(others, np.float64))
    statistic = stats.mannwhitneyu(seed, others, method="asymptotic").statistic
    assert found.auc == pytest.approx(statistic / (len(seed) * len(others)))
    assert sum(found.lifts) == pytest.approx(10)
    assert min(found.lifts) >= -1e-9


def test_lifts_of_the_perfect_and_of_the_guessing() -> None:
    others = np.arange(100, dtype=np.float64)
    best = evaluated(np.full(20, 1_000.0), others)
    assert (best.auc, best.lifts[0], best.lifts[1]) == (1.0, 10.0, 0.0)
    same = evaluated(np.zeros(7), np.zeros(50))
    assert same.auc == 0.5
    assert same.lifts == pytest.approx([1.0] * 10)


def test_draws_repeat_and_spread() -> None:
    hashes = np.arange(1, 20_001, dtype=np.uint64)
    drawn = draws(hashes, 7)
    assert (drawn == draws(hashes, 7)).all()
    assert (drawn != draws(hashes, 8)).all()
    share = (drawn < np.uint64(2**63)).mean()
    assert 0.48 < share < 0.52
    chosen = smallest(drawn, 500)
    assert len(set(chosen.tolist())) == 500
    assert drawn[chosen].max() == np.sort(drawn)[499]
