"""The report's arithmetic: pairs of accounts, effects against the ledger, percentiles."""

from collections import Counter
from itertools import combinations

import pytest
from cli.demo.effects import result_of
from cli.demo.latency import percentile
from cli.demo.truth import pair_scores
from hypothesis import given
from hypothesis import strategies as st


def test_pairs_of_a_small_world() -> None:
    # People 1 (three accounts) and 2 (two): identity found 10 with two of 1, and put one of 2 to the third of 1.
    scores = pair_scores([(1, 10), (1, 10), (1, 11), (2, 11), (2, 0)])
    assert (scores.true_pairs, scores.found_pairs) == (4, 2)
    assert scores.precision == 1 / 2
    assert scores.recall == 1 / 4


def test_without_pairs_nothing_is_wrong() -> None:
    assert pair_scores([]).precision == pair_scores([(1, 0), (2, 0)]).recall == 1.0


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(0, 4)), max_size=12))
def test_scores_equal_a_count_over_all_pairs(accounts: list[tuple[int, int]]) -> None:
    pairs = list(combinations(accounts, 2))
    true = [first[0] == second[0] for first, second in pairs]
    found = [first[1] == second[1] != 0 for first, second in pairs]
    both = sum(a and b for a, b in zip(true, found, strict=True))
    scores = pair_scores(accounts)
    assert scores.precision == (both / sum(found) if any(found) else 1.0)
    assert scores.recall == (both / sum(true) if any(true) else 1.0)


def test_a_faultless_channel() -> None:
    states = Counter({"HOLDOUT": 2, "SUPPRESSED": 3, "DELIVERED": 4, "UNDELIVERED": 1, "REJECTED": 1})
    result = result_of(states, accepted=5, addresses="abcde")
    assert (result.planned, result.holdout, result.suppressed) == (11, 2, 3)
    assert (result.accepted, result.delivered, result.provider_effects) == (5, 4, 5)
    assert (result.duplicates, result.lost) == (0, 0)


def test_a_second_message_to_one_address_is_a_duplicate() -> None:
    assert result_of({"DELIVERED": 2}, accepted=2, addresses="aab").duplicates == 1


def test_a_message_to_somebody_held_back_is_not_passed_over() -> None:
    assert result_of({"HOLDOUT": 1, "DELIVERED": 1}, accepted=1, addresses="ab").duplicates == 1


def test_a_row_that_says_sent_without_an_effect_is_lost() -> None:
    assert result_of({"DELIVERED": 2, "NO_RECEIPT": 1}, accepted=3, addresses="aab").lost == 1


@pytest.mark.parametrize("state", ["READY", "SUBMITTING", "UNKNOWN", "RETRY_WAIT"])
def test_a_row_that_never_ended_is_lost(state: str) -> None:
    assert result_of({"DELIVERED": 1, state: 1}, accepted=1, addresses="a").lost == 1


@pytest.mark.parametrize("state", ["REJECTED", "EXPIRED", "ABANDONED", "CANCELLED"])
def test_a_row_with_a_reason_is_not_lost(state: str) -> None:
    assert result_of({"DELIVERED": 1, state: 1}, accepted=1, addresses="a").lost == 0


@pytest.mark.parametrize(("percent", "expected"), [(50, 50), (99, 99), (100, 100), (1, 1)])
def test_a_percentile_is_a_value_that_so_many_do_not_exceed(percent: int, expected: int) -> None:
    assert percentile([float(value) for value in range(100, 0, -1)], percent) == expected


def test_a_percentile_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 50)


@given(st.lists(st.floats(0, 1_000), min_size=1), st.integers(1, 100))
def test_a_percentile_is_one_of_the_values(values: list[float], percent: int) -> None:
    found = percentile(values, percent)
    assert found in values
    assert sum(value <= found for value in values) * 100 >= percent * len(values)
