"""Bands, arithmetic, scores, user states and AIPL, decided from answers made by hand."""

import datetime as dt

import numpy as np
import pytest
from rules.values import Kind
from rules.windows import CalendarSettings
from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import BandCuts
from tagging.domain.kinds.aipl import AiplKind
from tagging.domain.kinds.bands import BandsKind
from tagging.domain.kinds.score import ScoreKind, ScorePart
from tagging.domain.kinds.user_state import UserStateKind
from tagging.domain.moment import Moment

SCALE = 10_000
NOW = Moment(dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC), CalendarSettings())
TEXT, NUMBER = Shape(Kind.TEXT), Shape(Kind.NUMBER)


def numbers(*values):
    return Vector.of([None if each is None else round(each * SCALE) for each in values], NUMBER)


def truths(*values):
    return Vector.of(list(values), Shape(Kind.BOOL))


def decided(kind, answers, cuts=None):
    vector = kind.decide(answers, TEXT, NOW, cuts)
    return [
        each if known else None
        for each, known in zip(vector.data.tolist(), vector.known.tolist(), strict=True)
    ]


def test_a_band_begins_at_its_bound():
    kind = BandsKind("x", ("low", "mid", "high"), bounds=(100 * SCALE, 500 * SCALE))
    found = decided(kind, {"expression": numbers(99.9999, 100, 499.9999, 500, None, -1)})
    assert found == ["low", "mid", "mid", "high", None, "low"]


def test_percentiles_are_of_nearest_rank_and_belong_to_the_lower_band():
    kind = BandsKind("x", ("low", "mid", "high"), percentiles=(50 * SCALE, 90 * SCALE))
    ten = numbers(*range(1, 11))
    cuts = kind.freeze({"expression": ten}, np.ones(10, np.bool_))
    assert cuts == BandCuts((5 * SCALE, 9 * SCALE))
    assert decided(kind, {"expression": ten}, cuts) == ["low"] * 5 + ["mid"] * 4 + ["high"]
    assert decided(kind, {"expression": ten}) == [None] * 10


def test_percentiles_are_of_known_persons_with_a_number_in_the_population():
    kind = BandsKind("x", ("low", "high"), percentiles=(50 * SCALE,), population="y")
    answers = {"expression": numbers(1, 2, None, 9), "population": truths(True, True, True, False)}
    assert kind.freeze(answers, np.array([True, True, True, True])) == BandCuts((SCALE,))
    assert kind.freeze(answers, np.array([False, True, True, True])) == BandCuts((2 * SCALE,))
    assert kind.freeze(answers, np.zeros(4, np.bool_)) is None


def test_a_score_clips_weighs_and_scales():
    parts = (
        ScorePart(5_000, when="a"),
        ScorePart(3_000, expression="b", zero_at=0, full_at=10 * SCALE),
        ScorePart(2_000, expression="c", zero_at=30 * SCALE, full_at=0),  # less is better
    )
    kind = ScoreKind(parts)
    answers = {
        "part0": truths(True, False, True, False),
        "part1": numbers(5, 99, None, -7),
        "part2": numbers(30, 15, 0, None),
    }
    assert decided(kind, answers) == [650_000, 400_000, 700_000, 0]
    scaled = ScoreKind(parts, least=-SCALE, most=SCALE)
    assert decided(scaled, answers) == [3_000, -2_000, 4_000, -10_000]


def test_a_score_rounds_half_to_even_once_at_the_end():
    thirds = ScoreKind((ScorePart(SCALE, expression="a", full_at=3 * SCALE),), most=1)
    # 1/3 -> 0.3333 of one ten-thousandth
    assert decided(thirds, {"part0": numbers(1, 2, 3)}) == [0, 1, 1]
    half = ScoreKind((ScorePart(SCALE, expression="a", full_at=2 * SCALE),), most=3)
    assert decided(half, {"part0": numbers(1)}) == [2]  # 1.5 -> 2


@pytest.mark.parametrize(
    ("days", "since_first", "since_last", "state"),
    [
        (0, None, None, "stranger"),
        (2, 40, 1, "acquainted"),
        (5, 100, 60, "lost"),  # cycle 10: six of them
        (5, 55, 15, "close"),  # cycle 10: 1.5 of them
        (5, 56, 16, "cooling"),
        (5, 65, 25, "cooling"),
        (5, 66, 26, "distant"),
        (5, 80, 40, "distant"),
        (5, 81, 41, "lost"),
        (3, 2, 0, "close"),
    ],
)
def test_the_state_of_a_person_is_told_by_the_own_cycle(days, since_first, since_last, state):
    answers = {"days": numbers(days), "since_first": numbers(since_first), "since_last": numbers(since_last)}
    assert decided(UserStateKind(), answers) == [state]


def test_aipl_is_tried_from_the_top():
    kind = AiplKind(interest_events=("view_item", "search"), aware_events=("page_view",))
    answers = {
        "purchases": numbers(2, 1, 0, 0, 0),
        "interest0": numbers(0, 9, 1, 1, 0),
        "interest1": numbers(0, 9, 1, 0, 0),
        "aware0": numbers(0, 0, 0, 1, 0),
    }
    assert decided(kind, answers) == ["loyal", "purchase", "interest", "aware", None]
