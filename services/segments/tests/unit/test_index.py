"""The index is what was told in order of position, however the two lanes come."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.schema import TagType
from rules.values import Kind, ValueType
from segments.domain.changes import Change, PersonState
from segments.domain.touched import Touched
from segments.index.tenant import TenantIndex
from segments_changes import (
    CATALOGUE,
    TENANT,
    block_change,
    day_change,
    feature_change,
    histories,
    interleavings,
    person_change,
    person_values,
    tag_change,
    through,
)
from segments_contents import contents
from servicekit.revision import LANES, Lane

TAGS = ("points", "nickname", "interests")
TYPES = {name: CATALOGUE.tags[name].type for name in TAGS}
FORMS = {"COUNT(order_paid)": Kind.NUMBER}
FEW = (1, 2, 65_536)
START = (
    day_change(),
    *(tag_change(CATALOGUE.tags[name]) for name in TAGS),
    *(feature_change(form, kind) for form, kind in FORMS.items()),
)


def in_order(*changes: Change) -> TenantIndex:
    index = TenantIndex(TENANT)
    index.apply(changes, Lane.LIVE, dict.fromkeys(LANES, 0), Touched())
    return index


@st.composite
def told(draw: Any) -> tuple[list[tuple[Lane, Change]], list[tuple[Lane, list[Change]]]]:
    history = draw(histories(TYPES, FORMS, persons=FEW, most=40))
    return history, draw(interleavings(history))


@given(told())
def test_lanes_change_no_result(told_: tuple[list[Any], list[Any]]) -> None:
    history, batches = told_
    index = in_order(*START)
    cursors = dict.fromkeys(LANES, 0)
    applied: dict[Lane, list[Change]] = {lane: [] for lane in LANES}
    for lane, changes in batches:
        published, before = index, contents(index)
        index = index.copy()
        index.apply(changes, lane, cursors, Touched())
        assert contents(published) == before, "a published version has changed"
        applied[lane] += changes
        cursors[lane] = through(lane, applied[lane], history)
    assert contents(index) == contents(in_order(*START, *(change for _, change in history)))


@given(told(), st.integers(0, 40))
def test_what_comes_again_changes_nothing(told_: tuple[list[Any], list[Any]], again_from: int) -> None:
    """After a restart both lanes begin where the slower one was."""
    history, batches = told_
    index = in_order(*START)
    for lane, changes in [*batches, *((lane, [change]) for lane, change in history[again_from:])]:
        index.apply(changes, lane, dict.fromkeys(LANES, 0), Touched())
    assert contents(index) == contents(in_order(*START, *(change for _, change in history)))


class Telling:
    """An index that is told things, lane by lane."""

    def __init__(self) -> None:
        self.index = in_order(*START)
        self.cursors = dict.fromkeys(LANES, 0)

    def __call__(self, lane: Lane, *changes: Change, through: int = 0) -> Touched:
        touched = Touched()
        self.index.apply(changes, lane, self.cursors, touched)
        self.cursors[lane] = through or max(change.position for change in changes)
        return touched

    def points(self) -> object:
        return contents(self.index)["points"]


def test_the_later_of_two_values_wins_when_bulk_came_first() -> None:
    telling = Telling()
    telling(Lane.BULK, block_change(20, "points", {1: 1, 2: 2}))
    touched = telling(Lane.LIVE, person_values(10, 1, points=7), person_values(30, 2, points=9))
    assert telling.points() == {1: (1,), 2: (9,)}
    assert touched.columns["points"].to_array().tolist() == [1, 2], "the overtaken one is spoken of too"
    assert touched.values["points"].keys() == {2}


def test_the_later_of_two_values_wins_when_live_came_first() -> None:
    telling = Telling()
    telling(Lane.LIVE, person_values(30, 1, points=7))
    telling(Lane.BULK, block_change(20, "points", {1: 1, 2: 2}))
    telling(Lane.BULK, person_values(25, 1, points=3))
    assert telling.points() == {1: (7,), 2: (2,)}


def test_a_lane_that_is_far_behind_overtakes_nothing() -> None:
    telling = Telling()
    for position in range(102, 180, 2):
        telling.index = telling.index.copy()
        telling(Lane.LIVE, person_values(position, position // 2 % 5 + 1, points=position))
    telling(Lane.BULK, *(person_values(each, each, points=0) for each in range(1, 6)))
    telling(Lane.BULK, block_change(175, "points", dict.fromkeys(range(1, 7), 0)))
    assert telling.points() == {1: (0,), 2: (0,), 3: (0,), 4: (176,), 5: (178,), 6: (0,)}


def test_a_later_type_is_another_column() -> None:
    telling = Telling()
    telling(Lane.LIVE, person_values(1, 1, points=7))
    telling(Lane.BULK, person_values(2, 1, points=8))
    text = TagType("points", ValueType(Kind.TEXT))
    telling(Lane.BULK, person_values(12, 2, points="many"))
    telling(Lane.LIVE, tag_change(text, 10))
    assert telling.points() == {2: ("many",)}
    telling.index.apply([person_values(9, 1, points=8)], Lane.BULK, telling.cursors, Touched())
    assert telling.points() == {2: ("many",)}, "an older value is of the other column"


def test_a_gone_feature_does_not_come_back_by_an_older_word() -> None:
    telling = Telling()
    (form, kind) = next(iter(FORMS.items()))
    telling(Lane.LIVE, feature_change(form, kind, 30, state=feature_change(form, kind).state.DROPPED))
    telling(Lane.BULK, feature_change(form, kind, 20))
    assert contents(telling.index)["features"] == set()


def test_a_text_may_be_told_by_an_earlier_block() -> None:
    telling = Telling()
    first = block_change(1, "nickname", {1: "a"})
    later = block_change(2, "nickname", {2: "a"})
    later.coded.texts.clear()  # type: ignore[attr-defined]
    telling(Lane.BULK, first, later)
    assert contents(telling.index)["nickname"] == {1: ("a",), 2: ("a",)}


def test_texts_outlive_an_earlier_end_of_their_column_that_is_told_later() -> None:
    telling = Telling()
    nickname = CATALOGUE.tags["nickname"]
    telling(Lane.BULK, block_change(20, "nickname", {1: "a"}))
    telling(Lane.LIVE, tag_change(nickname, 5, deleted=True), tag_change(nickname, 6))
    assert contents(telling.index)["nickname"] == {1: ("a",)}


def test_a_text_that_nobody_told_is_an_error() -> None:
    telling = Telling()
    telling.cursors[Lane.LIVE] = 5
    unknown = block_change(2, "nickname", {2: "a"})
    unknown.coded.texts.clear()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="dictionary entry"):
        telling(Lane.BULK, unknown)


def test_a_stale_person_is_spoken_of_and_not_stored() -> None:
    telling = Telling()
    telling(Lane.LIVE, person_change(1, 9, PersonState.MEMBER))
    touched = telling(Lane.BULK, person_change(1, 8, PersonState.ANONYMOUS))
    assert touched.universe.to_array().tolist() == [1]
    assert touched.persons == {}
