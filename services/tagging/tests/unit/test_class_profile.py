"""Typical values against their definition, spelled out."""

import datetime as dt
from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from rules.values import Kind
from tagging.domain.class_profile import Typical, typical_value
from tagging.domain.columns import Shape, Vector

DAY = dt.date(2026, 3, 1)


def typical(shape: Shape, values: dict[int, Any], members: set[int]) -> Any:
    persons = np.array(sorted(values), np.int64)
    vector = Vector.of([values[each] for each in sorted(values)], shape)
    return typical_value("t", shape, persons, vector, np.array(sorted(members), np.int64))


@given(st.dictionaries(st.integers(1, 40), st.integers(-9, 9), min_size=1), st.sets(st.integers(1, 40)))
def test_a_median_is_the_lower_middle(values: dict[int, int], members: set[int]) -> None:
    found = typical(Shape(Kind.NUMBER), values, members)
    mine = sorted(value for person, value in values.items() if person in members)
    if not mine:
        assert found is None
        return
    assert (found.value, found.kind, found.known_count) == (
        mine[(len(mine) - 1) // 2],
        Typical.MEDIAN,
        len(mine),
    )


@given(
    st.dictionaries(st.integers(1, 40), st.sampled_from(["b", "a", "c"]), min_size=1),
    st.sets(st.integers(1, 40)),
)
def test_the_most_frequent_is_the_first_of_equals(values: dict[int, str], members: set[int]) -> None:
    found = typical(Shape(Kind.TEXT), values, members)
    counts = Counter(value for person, value in values.items() if person in members)
    if not counts:
        assert found is None
        return
    value, count = min(counts.items(), key=lambda each: (-each[1], each[0]))
    assert (found.value, found.same_count, found.known_count) == (value, count, sum(counts.values()))


def test_every_type() -> None:
    everybody = {1, 2, 3}
    dates = {1: DAY, 2: DAY + dt.timedelta(days=4), 3: DAY + dt.timedelta(days=1)}
    assert typical(Shape(Kind.DATE), dates, everybody).value == DAY + dt.timedelta(days=1)
    found = typical(Shape(Kind.BOOL), {1: True, 2: False, 3: True}, everybody)
    assert (found.value, found.same_count) == (True, 2)
    assert found.value is True
    listed = {1: ("tea", "wine"), 2: ("tea",), 3: ("beer",)}
    found = typical(Shape(Kind.TEXT, multi_valued=True), listed, everybody)
    assert (found.value, found.same_count, found.known_count) == ("tea", 2, 3)
