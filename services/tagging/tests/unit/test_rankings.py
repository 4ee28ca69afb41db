"""Top values, preferences and scenes, decided from groups made by hand."""

import datetime as dt
import random
from fractions import Fraction

import numpy as np
import pytest
from rules.values import Kind, divide_half_even
from rules.windows import CalendarSettings
from tagging.domain.columns import Shape
from tagging.domain.cuts import Baseline
from tagging.domain.groups import Groups, half_even, ordered
from tagging.domain.kinds.naming import NamedKeys
from tagging.domain.kinds.preference import PreferenceKind, PreferenceOrder
from tagging.domain.kinds.scene_group import SceneGroupKind
from tagging.domain.kinds.top_n import TopNKind
from tagging.domain.moment import Moment
from tagging.domain.weighted import WeightedTexts

SCALE = 10_000
NOW = Moment(dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC), CalendarSettings())
PLAIN = Shape(Kind.TEXT, multi_valued=True)
WEIGHTED = Shape(Kind.TEXT, multi_valued=True, weighted=True)
SINGLE = Shape(Kind.TEXT)
MEASURE = "COUNT(view_item BY category)"


def groups(*persons):
    """Each person as {key: number} or {key: (number, events)}."""
    rows = []
    for said in persons:
        pairs = {key: each if isinstance(each, tuple) else (each, each) for key, each in said.items()}
        rows.append([(key, round(number * SCALE), events) for key, (number, events) in pairs.items()])
    return Groups.of(rows)


def decided(kind, found, shape=PLAIN, cuts=None):
    vector = kind.decide({"measure": found}, shape, NOW, cuts)
    return [
        each if known else None
        for each, known in zip(vector.data.tolist(), vector.known.tolist(), strict=True)
    ]


def test_the_first_values_by_number_and_ties_by_code_point():
    found = groups({"b": 2, "a": 2, "c": 5, "d": 1}, {}, {"z": 1})
    assert decided(TopNKind(MEASURE, count=2), found) == [("a", "c"), None, ("z",)]
    assert decided(TopNKind(MEASURE, count=1), found, SINGLE) == ["c", None, "z"]


def test_a_weighted_list_carries_the_shares_rounded_half_to_even():
    found = groups({"a": 1, "b": 2, "c": 0.0001}, {"x": 1, "y": 1, "z": 1})
    first, second = decided(TopNKind(MEASURE, count=2), found, WEIGHTED)
    assert (tuple(first), first.weights, first.confidence) == (("b", "a"), (6_666, 3_333), SCALE)
    assert (tuple(second), second.weights) == (("x", "y"), (3_333, 3_333))


def test_groups_that_are_not_above_zero_count_for_nothing():
    assert decided(TopNKind(MEASURE), groups({"a": -5, "b": 1, "c": 0}), WEIGHTED)[0].weights == (SCALE,)
    assert decided(TopNKind(MEASURE), groups({"a": -5})) == [None]


def test_a_least_share_is_of_the_whole():
    found = groups({"a": 6, "b": 3, "c": 1})
    assert decided(TopNKind(MEASURE, least_share=3_000), found) == [("a", "b")]
    assert decided(TopNKind(MEASURE, least_share=6_001), found) == [None]


def test_confidence_grows_with_the_events_it_rests_on():
    kind = TopNKind(MEASURE, count=1, sure_events=8)
    found = decided(kind, groups({"a": 3, "b": 1}, {"a": 9}), WEIGHTED)
    assert [each.confidence for each in found] == [3_750, SCALE]


def test_support_of_a_preference_is_counted_in_events_not_in_weight():
    found = groups({"a": (0.5, 4), "b": (9, 3)})
    assert decided(PreferenceKind(MEASURE, least_events=4), found) == [("a",)]


def test_an_index_compares_with_the_frozen_population():
    found = groups({"a": 1, "b": 1}, {"a": 3, "b": 1}, {"a": 8})
    kind = PreferenceKind(MEASURE, least_tgi=120 * SCALE, order=PreferenceOrder.TGI)
    known = np.array([True, True, False])
    frozen = kind.freeze({"measure": found}, known)
    assert frozen == Baseline({"a": 66_666_667, "b": 33_333_333})
    # a half of b where everybody has a third of it: 150; three quarters of a: 112.5
    assert decided(kind, found, cuts=frozen) == [("b",), None, ("a",)]
    assert decided(kind, found) == [None, None, None]  # before the first run
    assert decided(PreferenceKind(MEASURE), found) == [("a", "b"), ("a", "b"), ("a",)]


def test_what_the_population_did_not_have_is_nobodys_preference():
    kind = PreferenceKind(MEASURE, least_tgi=SCALE)
    assert decided(kind, groups({"new": 3, "a": 1}), cuts=Baseline({"a": 10**8})) == [("a",)]


def test_an_empty_population_freezes_nothing():
    kind = PreferenceKind(MEASURE, least_tgi=SCALE)
    assert kind.freeze({"measure": groups({}, {"a": 1})}, np.array([True, False])) is None


def test_hours_have_names_and_the_night_goes_over_midnight():
    hours = (
        NamedKeys("night", from_number=22 * SCALE, to_number=6 * SCALE),
        NamedKeys("evening", from_number=18 * SCALE, to_number=22 * SCALE),
    )
    kind = PreferenceKind("COUNT(view_item BY hour)", names=hours, least_share=4_000)
    at = {21: 3, 23: 2, 5: 2, 12: 1}
    found = groups({hour * SCALE: count for hour, count in at.items()})
    assert decided(kind, found, WEIGHTED) == [WeightedTexts.of({"night": 5_000})]
    found = groups({22 * SCALE: 1, 18 * SCALE: 1, 6 * SCALE: 1})
    assert decided(PreferenceKind("x", names=hours), found) == [("evening", "night")]


def test_scenes_add_up_their_categories():
    scenes = (NamedKeys("fresh", ("菜", "水果")), NamedKeys("digital", ("手机",)))
    kind = SceneGroupKind(scenes, least_number=2 * SCALE)
    found = groups({"菜": 1, "水果": 1, "手机": 1, "其他": 2}, {"手机": 1}, {"其他": 9})
    assert decided(kind, found, WEIGHTED) == [WeightedTexts.of({"fresh": 4_000}), None, None]
    assert decided(SceneGroupKind(scenes), found) == [("digital", "fresh"), ("digital",), None]


def test_numbers_beyond_int64_in_between_stay_exact():
    huge = 2**62 // SCALE
    found = Groups.of([[("a", huge * SCALE, 1), ("b", huge * SCALE // 2, 1), ("c", 3, 1)]])
    chosen = decided(TopNKind(MEASURE), found, WEIGHTED)[0]
    total = huge * SCALE + huge * SCALE // 2 + 3
    assert tuple(chosen) == ("a", "b", "c")
    assert chosen.weights[0] == round(Fraction(huge * SCALE * SCALE, total))


def test_division_rounds_half_to_even_for_whole_arrays():
    drawn = random.Random(7)
    numerators = [drawn.randrange(-(10**6), 10**6) for _ in range(2_000)]
    denominators = [drawn.randrange(1, 40) for _ in range(2_000)]
    expected = [divide_half_even(*pair) for pair in zip(numerators, denominators, strict=True)]
    for kind in (np.int64, object):
        assert half_even(np.array(numerators, kind), np.array(denominators, kind)).tolist() == expected


@pytest.mark.parametrize("shape", [PLAIN, WEIGHTED])
def test_order_of_groups_does_not_matter(shape):
    said = {"a": 3, "b": 1, "c": 3, "d": 2}
    names = (NamedKeys("x", ("a", "d")), NamedKeys("y", ("b", "c")))
    kind = PreferenceKind(MEASURE, names=names)
    forth, back = groups(said), groups(dict(reversed(said.items())))
    assert decided(kind, forth, shape) == decided(kind, back, shape)


def test_rows_are_ordered_by_person_and_then_by_keys_however_large():
    draw = np.random.default_rng(7)
    persons = np.sort(draw.integers(0, 30, 500))
    for width in (3, 2**20, 2**61):
        one, other = draw.integers(-width, width, 500), draw.integers(0, 3, 500)
        expected = np.lexsort((other, one, persons)).tolist()
        assert ordered(persons, one, other).tolist() == expected
        assert ordered(persons, one.astype(object), other).tolist() == expected
    assert ordered(persons[:0], persons[:0]).tolist() == []
