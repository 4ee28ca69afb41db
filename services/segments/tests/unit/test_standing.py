"""Standing segments: what narrowing, interleaving and telling may not change."""

import datetime as dt
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from rules import tree
from rules.check import Population
from rules.printer import print_rule
from rules.testing import rules
from rules.values import Kind
from segments.app.rule_reading import Mentioned, read_rule
from segments.app.tenant_segments import TenantSegments
from segments.app.version import BEGINNING
from segments.domain.changes import Change, FeatureState, PersonState
from segments.domain.movement import Followed
from segments.domain.segment import State
from segments.domain.touched import Touched
from segments.errors import SegmentCycle
from segments.index import answering, readiness
from segments.index.column_files import LazyColumnFiles
from segments.index.damages import Damages
from segments.index.tenant import TenantIndex
from segments_changes import (
    CATALOGUE,
    DICTIONARY,
    NOON,
    PERSONS,
    day_change,
    feature_change,
    histories,
    interleavings,
    person_change,
    person_values,
    tag_change,
    through,
)
from segments_following import Follower, anew, begun, placed, small
from servicekit.revision import LANES, Lane

SAMPLES = st.sampled_from([(), (), (tree.Sample(500_000, "s"),)])
STAFF, LOYAL = ("staff", "is_vip = TRUE"), ("loyal", "points >= 2 AND NOT IN SEGMENT 'staff'")


@st.composite
def cases(draw: Any) -> tuple[str, Population, Mapping[str, Kind], list[Any], list[Any]]:
    rule = print_rule(replace(draw(rules(CATALOGUE)), steps=draw(SAMPLES)))
    population = draw(st.sampled_from(Population))
    mentioned = Mentioned(CATALOGUE.tags, DICTIONARY, ["staff", "loyal"], CATALOGUE.periods)
    read_so = read_rule(rule, population, mentioned)
    forms, tags = read_so.forms, read_so.tags
    types = {name: CATALOGUE.tags[name].type for name in {"is_vip", "points", *tags}}
    history = draw(histories(types, forms, persons=PERSONS[:6:2]))
    return rule, population, forms, history, draw(interleavings(history))


@contextmanager
def evaluated(*, by_blocks: bool) -> Iterator[None]:
    """Whole rules by the block engine, or over bitmaps."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(answering, "BY_BLOCKS_FROM", 1 if by_blocks else 1 << 32)
        patched.setattr(readiness, "engine_is_ready", lambda: True)
        yield


@given(cases(), st.booleans(), st.booleans())
def test_members_are_a_function_of_what_was_told(
    threads: object,
    case: tuple[str, Population, Mapping[str, Kind], list[Any], list[Any]],
    by_blocks: bool,
    contained: bool,
) -> None:
    with evaluated(by_blocks=by_blocks):
        follower, in_order = followed(case, contained=contained)
    with evaluated(by_blocks=not by_blocks):
        assert Follower.state(follower.segments) == Follower.state(anew(follower, in_order)), "lanes matter"


def followed(
    case: tuple[str, Population, Mapping[str, Kind], list[Any], list[Any]], *, contained: bool
) -> tuple[Follower, TenantIndex]:
    """Who followed the history in both lanes, and the index that was told it in order."""
    rule, population, forms, history, batches = case
    start = [
        day_change(),
        *(tag_change(tag) for tag in CATALOGUE.tags.values()),
        *(feature_change(form, kind) for form, kind in forms.items()),
        *(person_change(each) for each in PERSONS[:6:2]),
    ]
    segments = TenantSegments(begun(*start), BEGINNING)
    placed(segments, *STAFF, Population.ALL)
    placed(segments, *LOYAL)
    placed(segments, "target", rule, population)
    follower = Follower(segments, contained=contained)
    applied: dict[Lane, list[Change]] = {lane: [] for lane in LANES}
    for lane, changes in batches:
        applied[lane] += changes
        follower.apply(lane, changes, through(lane, applied[lane], history))
        whole = anew(follower, follower.segments.index)
        assert Follower.state(follower.segments) == Follower.state(whole), "narrowed is not whole"
        for standing in follower.segments.all():
            heard = follower.heard.get(standing.segment.segment_id, BitMap())
            assert heard == standing.members, "what was told does not add up to the members"
    return follower, begun(*start, *(change for _, change in history))


def test_a_rule_over_behaviour_waits_for_its_feature() -> None:
    segments = small(("a", "COUNT(order_paid) >= 2"), ("b", "IN SEGMENT 'a'"))
    (form,) = segments.forms()
    follower = Follower(segments)
    states = {each.segment.segment_id: each.segment for each in follower.segments.all()}
    assert states["a"].state is State.PREPARING
    assert form in states["a"].note
    assert states["b"].note == "waits for segment 'a'"
    backfilling = feature_change(form, Kind.NUMBER, 1, FeatureState.BACKFILLING)
    follower.apply(Lane.LIVE, [backfilling], 1)
    follower.apply(Lane.BULK, [person_values(2, 1, **{backfilling.column: 20_000})], 2)
    assert follower.heard == {}
    follower.apply(Lane.BULK, [feature_change(form, Kind.NUMBER, 3)], 3)
    assert follower.heard == {"a": BitMap([1]), "b": BitMap([1])}
    failed = feature_change(form, Kind.NUMBER, 4, FeatureState.FAILED)
    follower.apply(Lane.BULK, [failed], 4)
    assert [each.segment.state for each in follower.segments.all()] == [State.FAILED, State.FAILED]
    assert follower.heard == {"a": BitMap(), "b": BitMap()}


def test_values_that_come_before_their_column_wait_for_it() -> None:
    segments = small(("a", "COUNT(order_paid) >= 2"))
    (form,) = segments.forms()
    follower = Follower(segments)
    live = feature_change(form, Kind.NUMBER, 1)
    follower.apply(Lane.BULK, [person_values(2, 1, **{live.column: 20_000})], 2)
    follower.apply(Lane.LIVE, [live], 1)
    assert follower.heard == {"a": BitMap([1])}


def test_what_a_rule_does_not_look_at_leaves_it_to_the_program_of_all(
    threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower = Follower(small(("a", "points >= 1"), ("b", "COUNT(order_paid) >= 2")), contained=True)
    (form,) = follower.segments.forms()
    asked: list[Population] = []
    evaluate = TenantSegments.evaluate
    monkeypatch.setattr(
        TenantSegments, "evaluate", lambda *given: (asked.append(given[1].population), evaluate(*given))[1]
    )
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000)], 1)
    waiting = feature_change(form, Kind.NUMBER, 2, FeatureState.BACKFILLING)
    follower.apply(Lane.LIVE, [waiting, person_values(2, 2, points=10_000)], 2)
    follower.apply(Lane.LIVE, [tag_change(CATALOGUE.tags["is_vip"], 3), person_values(3, 1, points=0)], 3)
    follower.apply(Lane.LIVE, [day_change(4, dt.date(2026, 4, 1)), person_values(4, 3, points=10_000)], 4)
    assert (asked, follower.heard) == ([], {"a": BitMap([2, 3])})


def test_rules_that_share_too_much_for_one_program_are_followed_one_by_one(
    threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segments.index import watching

    monkeypatch.setattr(watching, "REGISTERS_MOST", 0)
    follower = Follower(small(("a", "points >= 1")), contained=True)
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000)], 1)
    follower.apply(Lane.LIVE, [person_values(2, 1, points=0), person_values(2, 2, points=10_000)], 2)
    assert follower.heard == {"a": BitMap([2])}


def test_a_column_with_ever_new_texts_leaves_the_program_of_all_alone(
    threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segments.index import watching

    made: list[int] = []
    program_of = watching.program_of
    monkeypatch.setattr(
        watching, "program_of", lambda sets, *given: (made.append(len(sets)), program_of(sets, *given))[1]
    )
    follower = Follower(small(("a", "nickname CONTAINS '1'"), ("b", "is_vip = TRUE")), contained=True)
    for each in range(20):
        changed = person_values(each + 1, each % 3 + 1, nickname=f"name {each}", is_vip=each % 2 == 0)
        follower.apply(Lane.LIVE, [changed], each + 1)
    assert made == [2] * (watching.GROWN_MOST + 1) + [1]
    assert follower.heard == {"a": BitMap([1, 2, 3]), "b": BitMap([1])}


def test_who_comes_and_goes_moves_a_population_and_makes_it_not_anew(
    threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    from segments.index import watching

    made: list[int] = []
    members_of = watching.members_of
    monkeypatch.setattr(
        watching, "members_of", lambda who, blocks: (made.append(len(who)), members_of(who, blocks))[1]
    )
    follower = Follower(small(("a", "NOT is_vip = TRUE")), contained=True)
    told = [
        person_change(4),
        person_change(200_001),
        person_change(1, 1, PersonState.ERASED),
        person_change(2, 1),
    ]
    for position, each in enumerate(told, 1):
        follower.apply(Lane.LIVE, [each], position)
        known = follower.segments.index.population(Population.KNOWN)
        assert follower.heard["a"] == follower.segments.get("a").members == known  # type: ignore[union-attr]
    assert known == BitMap([2, 3, 4, 200_001])
    follower.apply(Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 5), person_values(6, 2, is_vip=True)], 6)
    assert follower.heard["a"] == BitMap([3, 4, 200_001])
    assert made == [4]


def test_values_that_are_numbered_anew_move_nobody(threads: object, tmp_path: Path) -> None:
    files = LazyColumnFiles(tmp_path, 1 << 20, Damages())
    follower = Follower(small(("a", "nickname = 'b'"), ("b", "NOT nickname = 'c'")), contained=True)
    follower.apply(Lane.LIVE, [person_values(1, 1, nickname="a"), person_values(1, 2, nickname="b")], 1)
    follower.apply(Lane.LIVE, [person_values(2, 1, nickname=None), person_values(2, 3, nickname="c")], 2)
    settled = files.settle(follower.segments.index, "nickname")
    assert settled is not None
    follower.segments = follower.segments.copy()
    assert follower.segments.index.rest(settled) == []
    follower.apply(Lane.LIVE, [person_values(3, 1, nickname="c"), person_values(3, 2, points=0)], 3)
    assert follower.heard == {"a": BitMap([2]), "b": BitMap([2])}
    follower.apply(Lane.LIVE, [person_values(4, 1, nickname="b"), person_values(4, 2, nickname="c")], 4)
    assert follower.heard == {"a": BitMap([1]), "b": BitMap([1])}


def test_a_column_that_is_settled_brings_its_rules_into_the_program_of_all(
    threads: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = LazyColumnFiles(tmp_path, 1 << 20, Damages())
    follower = Follower(small(("a", "nickname = 'b'"), ("b", "is_vip = TRUE")))
    for position, column in ((1, "is_vip"), (2, "nickname")):
        settled = files.settle(follower.segments.index, column)
        assert settled is not None
        follower.segments = follower.segments.copy()
        assert follower.segments.index.rest(settled) == []
        if column == "nickname":
            monkeypatch.setattr(TenantSegments, "evaluate", None)
        follower.apply(Lane.LIVE, [person_values(position, position, nickname="b", is_vip=True)], position)
    assert follower.heard == {"a": BitMap([1, 2]), "b": BitMap([1, 2])}


def test_what_the_other_lane_told_is_told_again_in_this_one() -> None:
    follower = Follower(small(("a", "points >= 1 AND is_vip = TRUE")))
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000, is_vip=True)], 1)
    assert follower.heard == {"a": BitMap([1])}
    heard_live = BitMap([1])
    segments = follower.segments.copy()

    def tell(lane: Lane, change: Change) -> Followed:
        touched = Touched()
        segments.index.apply([change], lane, {Lane.LIVE: 1, Lane.BULK: 0}, touched)
        return segments.follow(touched, lane)

    (bulk,) = tell(Lane.BULK, person_values(3, 1, points=0)).movements
    assert (bulk.entered, bulk.left) == (BitMap(), BitMap([1]))
    (live,) = tell(Lane.LIVE, person_values(2, 1, is_vip=False)).movements
    heard_live -= live.left
    assert heard_live == BitMap(), "who listens to the live lane alone would keep the person"
    assert tell(Lane.LIVE, person_values(4, 1, is_vip=False)).movements == []


def test_a_rule_of_the_hour_ages_with_the_moment() -> None:
    segments = small(("a", "ELAPSED DAYS(last_seen) >= 1"), ("b", "DAYS SINCE(last_seen) >= 1"))
    follower = Follower(segments)
    seen = NOON - dt.timedelta(hours=23)
    follower.apply(Lane.LIVE, [person_values(1, 1, last_seen=seen)], 1)
    assert follower.heard == {"b": BitMap([1])}
    follower.hear(follower.segments.follow(Touched(), Lane.LIVE, NOON + dt.timedelta(hours=1)))
    assert follower.heard == {"a": BitMap([1]), "b": BitMap([1])}


def test_a_rolled_day_moves_rules_of_the_day() -> None:
    follower = Follower(small(("a", "birthday ANNIVERSARY WITHIN NEXT 1 DAYS")))
    follower.apply(Lane.LIVE, [person_values(1, 2, birthday=dt.date(1999, 4, 1))], 1)
    assert follower.heard == {}
    late = follower.segments.copy()
    assert late.follow(Touched(), Lane.LIVE, NOON + dt.timedelta(days=1)).movements == [], (
        "before it is rolled"
    )
    follower.apply(Lane.LIVE, [day_change(2, dt.date(2026, 4, 1))], 2)
    assert follower.heard == {"a": BitMap([2])}


def test_a_gone_tag_fails_the_segment_until_it_is_back() -> None:
    follower = Follower(small(("a", "points >= 1")))
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000)], 1)
    follower.apply(Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 2, deleted=True)], 2)
    (standing,) = follower.segments.all()
    assert standing.segment.state is State.FAILED
    assert follower.heard == {"a": BitMap()}
    follower.apply(
        Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 3), person_values(4, 3, points=10_000)], 4
    )
    (standing,) = follower.segments.all()
    assert standing.segment.state is State.LIVE
    assert follower.heard == {"a": BitMap([3])}, "values of the tag that is gone are gone"


def test_a_number_out_of_range_fails_the_segment_and_nothing_else() -> None:
    follower = Follower(small(("a", "points * points * points >= 1"), ("b", "points >= 1")))
    follower.apply(Lane.LIVE, [person_values(1, 1, points=2**62)], 1)
    assert {each.segment.segment_id: each.segment.state for each in follower.segments.all()} == {
        "a": State.FAILED,
        "b": State.LIVE,
    }
    follower.apply(Lane.LIVE, [person_values(2, 1, points=20_000)], 2)
    assert follower.heard == {"a": BitMap([1]), "b": BitMap([1])}
    assert all(each.live for each in follower.segments.all())


def test_a_person_who_is_merged_leaves() -> None:
    follower = Follower(small(("a", "NOT is_vip = TRUE")))
    assert follower.heard == {"a": BitMap([1, 2, 3])}
    follower.apply(Lane.LIVE, [person_change(3, 1, PersonState.REDIRECTED, 1)], 1)
    assert follower.heard == {"a": BitMap([1, 2])}
    assert follower.segments.index.living(3) == 1


def test_a_circle_through_three_others_is_refused() -> None:
    segments = small(("a", "points >= 1"), ("b", "IN SEGMENT 'a'"), ("other", "IN SEGMENT 'b'"))
    placed(segments, "target", "IN SEGMENT 'other' OR is_vip = TRUE")
    with pytest.raises(SegmentCycle) as refused:
        placed(segments, "a", "NOT IN SEGMENT 'target'")
    path = refused.value.metadata["path"].split(" -> ")
    assert (set(path), len(path), path[0]) == ({"a", "b", "other", "target"}, 5, path[-1])
    assert segments.users_of("a") == ["b"]


def test_a_circle_is_refused_and_changes_nothing() -> None:
    segments = small(("a", "points >= 1"), ("b", "IN SEGMENT 'a'"))
    with pytest.raises(SegmentCycle) as refused:
        placed(segments, "a", "IN SEGMENT 'b'")
    assert refused.value.metadata["path"] in {"a -> b -> a", "b -> a -> b"}
    assert [each.segment.draft.rule for each in segments.all()] == ["points >= 1", "IN SEGMENT 'a'"]


def test_a_limit_is_looked_at_anew_with_each_day_and_only_then() -> None:
    segments = small(("a", "points >= 1 LIMIT 1 BY points DESC"), ("b", "NOT IN SEGMENT 'a'"))
    follower = Follower(segments)
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000), person_values(2, 2, points=20_000)], 2)
    assert follower.heard == {"b": BitMap([1, 2, 3])}, "nobody was in when the day began"
    follower.apply(Lane.BULK, [day_change(3, dt.date(2026, 4, 1))], 3)
    assert follower.heard == {"a": BitMap([2]), "b": BitMap([1, 3])}
    follower.apply(Lane.LIVE, [person_values(4, 3, points=30_000)], 4)
    assert follower.heard["a"] == BitMap([2])
    follower.apply(Lane.LIVE, [person_change(2, 5, PersonState.REDIRECTED, 1)], 5)
    assert follower.heard["a"] == BitMap([1]), "who they are today"
    follower.apply(Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 6, deleted=True)], 6)
    assert follower.segments.get("a").segment.state is State.FAILED  # type: ignore[union-attr]
    follower.apply(
        Lane.LIVE, [tag_change(CATALOGUE.tags["points"], 7), person_values(8, 3, points=10_000)], 8
    )
    assert (follower.heard["a"], follower.heard["b"]) == (BitMap([3]), BitMap([1]))


def test_a_limit_over_behaviour_keeps_its_feature() -> None:
    follower = Follower(small(("a", "COUNT(order_paid) >= 1 LIMIT 1 BY points")))
    (form,) = follower.segments.forms()
    live = feature_change(form, Kind.NUMBER, 1)
    follower.apply(Lane.LIVE, [live], 1)
    assert follower.segments.forms() == [form]
    follower.apply(Lane.LIVE, [person_values(2, 1, **{live.column: 20_000})], 2)
    follower.apply(Lane.BULK, [day_change(3, dt.date(2026, 4, 1))], 3)
    assert follower.heard == {"a": BitMap([1])}


def test_sets_of_segments_refer_to_them() -> None:
    segments = small(("a", "points >= 1"), ("b", "is_vip"), ("other", "SEGMENT 'a' UNION SEGMENT 'b'"))
    placed(segments, "target", "SEGMENT 'other' EXCEPT SEGMENT 'a'")
    assert segments.users_of("a") == ["other", "target"]
    follower = Follower(segments)
    follower.apply(Lane.LIVE, [person_values(1, 1, points=10_000), person_values(2, 2, is_vip=True)], 2)
    assert (follower.heard["other"], follower.heard["target"]) == (BitMap([1, 2]), BitMap([2]))
    with pytest.raises(SegmentCycle):
        placed(follower.segments, "b", "SEGMENT 'b' INTERSECT SEGMENT 'target'")
    with pytest.raises(SegmentCycle):
        placed(follower.segments, "a", "SEGMENT 'target' LIMIT 1 BY points")
