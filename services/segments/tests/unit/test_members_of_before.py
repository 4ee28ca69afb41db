"""Members that stand while what their rule needs is being computed."""

import datetime as dt
from collections.abc import Callable

from pyroaring import BitMap
from rules.values import Kind
from segments.app.freshness_notes import freshness_of_members
from segments.app.tenant_segments import TenantSegments
from segments.domain.changes import FeatureChange, FeatureState, PersonState
from segments.domain.movement import Followed
from segments.domain.segment import State
from segments.domain.touched import Touched
from segments.index.tenant import TenantIndex
from segments_changes import (
    CATALOGUE,
    NOON,
    block_change,
    day_change,
    feature_change,
    person_change,
    person_values,
    tag_change,
)
from segments_following import Follower, anew, placed, small
from servicekit.revision import Lane

BUYERS, RICH_BUYERS = "COUNT(order_paid) >= 2", "COUNT(order_paid) >= 1 AND points >= 1"
FIRST = "COUNT(order_paid) >= 1 LIMIT 1 BY points DESC"
MEMBERS_OF = "until then the members are those of 2026-03-31T04:00:00+00:00"


class Story:
    """Who listens to segments over one feature, which tagging has computed of three persons and may compute anew."""

    def __init__(self, *rules: tuple[str, str]) -> None:
        self.follower = Follower(small(*rules))
        self.position = 0
        (self.form,) = self.follower.segments.forms()
        self.tell(person_values(0, 1, points=10_000), person_values(0, 2, points=20_000))
        self.stands(FeatureState.BACKFILLING)
        self.ordered({1: 2, 2: 2, 3: 0})
        self.stands(FeatureState.LIVE)

    @property
    def segments(self) -> TenantSegments:
        return self.follower.segments

    def tell(self, *changes: object, lane: Lane = Lane.BULK) -> None:
        self.position += 1
        self.follower.apply(lane, list(changes), self.position)  # type: ignore[arg-type]

    def feature(self, state: FeatureState) -> FeatureChange:
        return feature_change(self.form, Kind.NUMBER, self.position + 1, state)

    def stands(self, state: FeatureState) -> None:
        self.tell(self.feature(state))

    def ordered(self, counts: dict[int, int]) -> None:
        column = f"feature:{self.form}"
        self.tell(block_change(self.position + 1, column, {each: n * 10_000 for each, n in counts.items()}))

    def heard(self, segment_id: str) -> list[int]:
        return self.follower.heard.get(segment_id, BitMap()).to_array().tolist()

    def note(self, segment_id: str) -> tuple[State, int | None, str]:
        standing = self.segments.get(segment_id)
        assert standing is not None
        return standing.segment.state, standing.count(), standing.segment.note

    def restarted(self) -> TenantSegments:
        return anew(self.follower, self.segments.index)


def test_members_stand_while_a_feature_is_computed_anew_and_only_the_difference_is_told() -> None:
    story = Story(("a", BUYERS), ("b", "IN SEGMENT 'a' AND points >= 2"))
    assert (story.heard("a"), story.heard("b")) == ([1, 2], [2])
    told: list[tuple[list[int], list[int]]] = []
    hear = story.follower.hear

    def listen(followed: object) -> None:
        told.extend(
            (each.entered.to_array().tolist(), each.left.to_array().tolist())
            for each in followed.movements  # type: ignore[attr-defined]
        )
        hear(followed)  # type: ignore[arg-type]

    story.follower.hear = listen  # type: ignore[method-assign]
    story.stands(FeatureState.BACKFILLING)
    story.ordered({1: 0, 3: 2})
    story.tell(person_values(story.position + 1, 1, points=90_000), lane=Lane.LIVE)
    waiting = f"{story.form}: 0 of 0 persons computed; {MEMBERS_OF}"
    assert story.note("a") == (State.PREPARING, 2, waiting)
    assert story.note("b") == (State.PREPARING, 1, f"waits for segment 'a'; {MEMBERS_OF}")
    assert (told, story.segments.members_by_segment()) == ([], {"a": BitMap([1, 2]), "b": BitMap([2])})
    notes = freshness_of_members(story.segments, story.segments.all(), NOON + dt.timedelta(hours=1))
    assert (notes.as_of, notes.warnings[0]) == (NOON, f"segment 'a' is being computed anew: {waiting}")
    story.stands(FeatureState.LIVE)
    assert told == [([3], [1])]
    assert (story.note("a"), story.note("b")) == ((State.LIVE, 2, ""), (State.LIVE, 1, ""))
    assert (story.heard("a"), story.heard("b")) == ([2, 3], [2])
    story.ordered({1: 2})
    assert story.heard("a") == [1, 2, 3], "it follows its rule again"


def test_who_waits_follows_merges_and_erasures_and_starts_again_as_it_was() -> None:
    story = Story(("a", BUYERS))
    story.stands(FeatureState.BACKFILLING)
    story.ordered({1: 0, 2: 0, 3: 0})
    story.tell(person_change(1, story.position + 1, PersonState.ERASED))
    story.tell(person_change(2, story.position + 1, PersonState.REDIRECTED, 3))
    assert (story.heard("a"), story.note("a")[:2]) == ([3], (State.PREPARING, 1))
    standing = story.segments.get("a")
    assert standing is not None
    assert standing.frozen is not None
    assert standing.frozen.members == BitMap([2]), "the erased are kept nowhere"
    again = story.restarted()
    assert Follower.state(again) == Follower.state(story.segments)
    assert again.forms() == [story.form]
    story.stands(FeatureState.LIVE)
    assert (story.heard("a"), story.restarted().get("a").frozen) == ([], None)  # type: ignore[union-attr]


def test_a_failure_ends_what_stood_and_so_does_another_rule() -> None:
    story = Story(("a", BUYERS), ("b", RICH_BUYERS))
    story.stands(FeatureState.BACKFILLING)
    story.follower.segments = story.segments.copy()
    placed(story.segments, "b", BUYERS)
    story.tell()
    assert story.note("b")[:2] == (State.PREPARING, None)
    assert (story.heard("a"), story.heard("b")) == ([1, 2], []), "another rule may begin empty"
    story.stands(FeatureState.FAILED)
    assert (story.heard("a"), story.note("a")[:2]) == ([], (State.FAILED, None))
    story.stands(FeatureState.BACKFILLING)
    assert story.note("a")[:2] == (State.PREPARING, None)
    story.stands(FeatureState.LIVE)
    assert story.heard("a") == story.heard("b") == [1, 2]


def test_a_tag_that_goes_meanwhile_leaves_nothing_behind() -> None:
    story = Story(("a", RICH_BUYERS))
    story.stands(FeatureState.BACKFILLING)
    points = CATALOGUE.tags["points"]
    followed = []
    hear = story.follower.hear
    story.follower.hear = lambda each: (followed.append(each), hear(each))[1]  # type: ignore[method-assign]
    story.tell(tag_change(points, story.position + 1, deleted=True), lane=Lane.LIVE)
    assert (story.heard("a"), story.note("a")[:2]) == ([], (State.FAILED, None))
    assert [each.frozen for each in followed] == [{"a": None}], "nor in the store"


def test_a_limit_keeps_its_members_over_the_turn_of_the_day() -> None:
    story = Story(("a", FIRST), ("b", "NOT IN SEGMENT 'a'"))
    assert (story.heard("a"), story.heard("b")) == ([2], [1, 3])
    story.stands(FeatureState.BACKFILLING)
    story.ordered({1: 1, 2: 0, 3: 1})
    story.tell(day_change(story.position + 1, dt.date(2026, 4, 1)))
    assert (story.heard("a"), story.heard("b")) == ([2], [1, 3])
    assert story.note("a") == (State.PREPARING, 1, f"{story.form}: 0 of 0 persons computed; {MEMBERS_OF}")
    notes = freshness_of_members(story.segments, story.segments.all()[:1], NOON + dt.timedelta(days=1))
    assert (notes.as_of, MEMBERS_OF in notes.warnings[-1]) == (NOON, True)
    assert Follower.state(story.restarted()) == Follower.state(story.segments)
    story.stands(FeatureState.LIVE)
    assert (story.heard("a"), story.heard("b"), story.note("a")) == ([1], [2, 3], (State.LIVE, 1, ""))
    story.tell(person_values(story.position + 1, 3, points=90_000))
    assert story.heard("a") == [1], "and stays until the day turns"


def test_columns_that_are_told_anew_by_a_bootstrap_let_members_stand() -> None:
    story = Story(("a", BUYERS))
    empty = story.segments.resting_on(TenantIndex(story.segments.index.tenant))
    empty.index.apply(
        [day_change(), *(person_change(each) for each in (1, 2, 3))],
        Lane.BULK,
        dict.fromkeys(Lane, 0),
        touched := Touched(),
    )
    empty.begin()
    assert touched.universe == BitMap([1, 2, 3])
    standing = empty.get("a")
    assert standing is not None
    assert (standing.segment.state, standing.members) == (State.PREPARING, BitMap([1, 2]))


def test_members_of_before_a_midnight_are_not_said_to_be_of_the_day_that_it_begins() -> None:
    by_birthday = "COUNT(order_paid) >= 2 OR birthday ANNIVERSARY WITHIN NEXT 1 DAYS"
    story = Story(("a", by_birthday), ("b", "IN SEGMENT 'a'"), ("c", BUYERS))
    story.tell(
        day_change(story.position + 1, dt.date(2026, 4, 1)),
        story.feature(FeatureState.BACKFILLING),
    )
    now = NOON + dt.timedelta(days=1)
    frozen = {each.segment.segment_id: each.frozen for each in story.segments.all()}
    assert {name: each and each.time for name, each in frozen.items()} == {
        "a": NOON,
        "b": NOON,
        "c": now,
    }


def test_who_moved_in_the_other_lane_is_told_again_while_members_stand() -> None:
    story = Story(("a", BUYERS))
    column = f"feature:{story.form}"
    told: dict[Lane, list[tuple[list[int], list[int]]]] = {lane: [] for lane in Lane}
    hear = story.follower.hear

    def listening(lane: Lane) -> Callable[[Followed], None]:
        def listen(followed: Followed) -> None:
            for each in followed.movements:
                told[lane].append((each.entered.to_array().tolist(), each.left.to_array().tolist()))
            hear(followed)

        return listen

    def tell(lane: Lane, *changes: object) -> None:
        story.follower.hear = listening(lane)  # type: ignore[method-assign]
        story.tell(*changes, lane=lane)

    tell(Lane.LIVE, person_values(story.position + 1, 3, **{column: 20_000}))
    tell(Lane.BULK, story.feature(FeatureState.BACKFILLING))
    assert told == {Lane.LIVE: [([3], [])], Lane.BULK: []}
    tell(Lane.BULK, block_change(story.position + 1, column, {3: 20_000}))
    assert told[Lane.BULK] == [([3], [])], "as if it did not wait"
    tell(Lane.BULK, block_change(story.position + 1, column, {3: 0}))
    tell(Lane.LIVE, story.feature(FeatureState.LIVE))
    assert told == {Lane.LIVE: [([3], []), ([], [3])], Lane.BULK: [([3], [])]}
    tell(Lane.BULK, person_values(story.position + 1, 3, **{column: 0}))
    assert told[Lane.BULK] == [([3], []), ([], [3])]
    tell(Lane.LIVE, person_values(story.position + 1, 1, **{column: 0}), story.feature(FeatureState.FAILED))
    assert told[Lane.LIVE][2:] == [([], [1, 2])]
    tell(Lane.BULK, block_change(story.position + 1, column, {1: 0}))
    assert told[Lane.BULK][2:] == [([], [1])], "who is out by a failure, too"
