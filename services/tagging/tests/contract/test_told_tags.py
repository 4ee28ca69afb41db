"""Imported and manual tags: what is stated holds at once, follows merges and undos, ends, and is what runs compute."""

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from servicekit.errors import InvalidField, ResourceNotFound, RightMissing
from tagging.app.forget_values import ForgetValues
from tagging.app.governance.lives import Request
from tagging.app.put_values import Caller, GivenValue, PutValues, RefusalReason, Told
from tagging.app.turn_statements import TurnStatements
from tagging.app.value_changes import ReadValueChanges, ValueChange, ValueChangeKind
from tagging.catalogue.files import parse_definitions
from tagging.domain.definition import Grade
from tagging.domain.governance.people import Actor, Power
from tagging.domain.persons import Person, PersonState
from tagging.errors import TagNotStated, VersionsNotKept
from tagging.workers.told_values import ToldValues

pytestmark = pytest.mark.usefixtures("kept_queries")

LEVEL = """{tag_id: level, name: 等级, keep_days: 30,
    type: {base: text, closed: true, options: [gold, silver]}, imported: {sources: [crm], expire_days: 10}}"""
SCORE = "{tag_id: score, name: 评分, type: number, manual: {}, confidence: 0.5}"
GOOD = "{tag_id: good, name: x, type: bool, layered_rule: {layers: [{when: score >= 5, then: true}], otherwise: false}}"
SECRET = "{tag_id: secret, name: x, type: bool, grade: personal, manual: {}}"
ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
EVERYTHING = frozenset(Grade)
ME = Caller("me", EVERYTHING)


class Desk:
    """States values in a world."""

    def __init__(self, world: Any) -> None:
        self.world = world
        parts = (world.facts, world.tags, world.columns, world.recompute, world.changelog, world.clock)
        self.values = PutValues(*parts)
        self.told = ToldValues(world.database, TurnStatements(*parts))
        self.changes = ReadValueChanges(world.facts, world.tags, world.columns, world.clock)
        world.define(LEVEL, SCORE, GOOD, SECRET, ORDERS)
        world.store(world.person(1, 1), world.person(2, 2), world.person(3, 3))

    def put(self, tag_id: str, *rows: GivenValue, source: str = "crm", caller: Caller = ME) -> Told:
        world = self.world
        return world.database.write_now(  # type: ignore[no-any-return]
            self.values.put, world.tenant, tag_id, source, rows, caller
        )

    def score(self, person_id: int, points: int, **rest: Any) -> Told:
        return self.put("score", GivenValue(person_id, points * 10_000, **rest))

    def clear(self, *person_ids: int) -> Told:
        world = self.world
        return world.database.write_now(  # type: ignore[no-any-return]
            self.values.clear, world.tenant, "score", "", person_ids, ME
        )

    def scores(self) -> dict[int, int]:
        found = self.world.values("score")["score"]
        return {person: points // 10_000 for person, points in found.items()}

    def redirect(self, person_id: int, to: int) -> Person:
        return self.world.person(  # type: ignore[no-any-return]
            person_id, state=PersonState.REDIRECTED, redirect_person_id=to
        )


@pytest.fixture
def desk(world: Any) -> Desk:
    return Desk(world)


def test_a_value_holds_at_once_and_what_rests_on_it_too(desk: Desk) -> None:
    told = desk.score(1, 7)
    assert (told.stored, told.superseded, told.refused) == (1, 0, ())
    assert desk.scores() == {1: 7}
    assert desk.world.values("good")["good"] == {1: True, 2: False, 3: False}
    last = desk.world.changes()[-1]
    assert last.values.person_id == 1
    assert last.position <= told.revision.live


def test_rows_are_refused_one_by_one(desk: Desk) -> None:
    now = desk.world.clock.now()
    told = desk.put(
        "level",
        GivenValue(1, "gold"),
        GivenValue(9, "gold"),
        GivenValue(2, "copper"),
        GivenValue(2, 10_000),
        GivenValue(2, ("gold",)),
        GivenValue(2, None),
        GivenValue(2, "gold", confidence=10_001),
        GivenValue(2, "gold", time=now + dt.timedelta(minutes=11)),
        GivenValue(2, "gold", expires_at=now),
        GivenValue(3, "silver", time=now + dt.timedelta(minutes=9)),
    )
    assert told.stored == 2
    assert [(each.index, each.reason) for each in told.refused] == [
        (1, RefusalReason.PERSON_UNKNOWN),
        (2, RefusalReason.VALUE_NOT_LISTED),
        (3, RefusalReason.VALUE_MALFORMED),
        (4, RefusalReason.VALUE_MALFORMED),
        (5, RefusalReason.VALUE_MALFORMED),
        (6, RefusalReason.CONFIDENCE_OUT_OF_RANGE),
        (7, RefusalReason.TIME_OUT_OF_RANGE),
        (8, RefusalReason.TIME_OUT_OF_RANGE),
    ]
    assert desk.world.values("level")["level"] == {1: "gold", 3: "silver"}


def test_whole_requests_are_refused(desk: Desk) -> None:
    with pytest.raises(ResourceNotFound):
        desk.put("levle", GivenValue(1, "gold"))
    with pytest.raises(TagNotStated, match="statistic"):
        desk.put("orders", GivenValue(1, 10_000))
    with pytest.raises(InvalidField, match="takes values of crm"):
        desk.put("level", GivenValue(1, "gold"), source="pos")
    with pytest.raises(RightMissing, match="write_personal"):
        desk.put("secret", GivenValue(1, True), caller=Caller("you", frozenset({Grade.INTERNAL})))


def test_the_latest_holds_whatever_comes_first(desk: Desk) -> None:
    hour = dt.timedelta(hours=1)
    now = desk.world.clock.now()
    desk.score(1, 5, time=now)
    told = desk.score(1, 9, time=now - hour)
    assert (told.stored, told.superseded) == (0, 1)
    both = [GivenValue(2, points, time=now - age * hour) for points, age in ((10_000, 1), (20_000, 2))]
    told = desk.put("score", *both)
    assert (told.stored, told.superseded) == (1, 1)
    assert desk.scores() == {1: 5, 2: 1}


def test_a_merge_takes_the_latest_and_an_undo_gives_back(desk: Desk) -> None:
    world = desk.world
    hour = dt.timedelta(hours=1)
    desk.score(1, 4, time=world.clock.now() - hour)
    desk.score(2, 8)
    desk.score(3, 6, time=world.clock.now() - 2 * hour)
    world.store(world.person(1, 1, 2), desk.redirect(2, 1))
    assert desk.scores() == {1: 8, 3: 6}
    assert desk.score(2, 9).stored == 1  # a redirected id is followed
    assert desk.scores() == {1: 9, 3: 6}
    assert world.run().failures == {}
    assert desk.scores() == {1: 9, 3: 6}
    world.store(world.person(1, 1), world.person(2, 2))
    assert desk.scores() == {1: 4, 2: 9, 3: 6}


def test_taking_back_takes_all_that_stands_for_a_person(desk: Desk) -> None:
    world = desk.world
    desk.score(1, 4)
    desk.score(2, 8)
    world.store(world.person(1, 1, 2), desk.redirect(2, 1))
    told = desk.clear(1, 7)
    assert (told.stored, [each.index for each in told.refused]) == (1, [1])
    assert desk.scores() == {}
    world.store(world.person(1, 1), world.person(2, 2))
    assert desk.scores() == {}
    desk.score(2, 3)
    assert desk.scores() == {2: 3}


async def test_a_value_ends_with_the_clock(desk: Desk) -> None:
    world = desk.world
    day = dt.timedelta(days=1)
    desk.score(1, 7, expires_at=world.clock.now() + day)
    desk.put("level", GivenValue(1, "gold"))  # for ten days, says the tag
    assert not await desk.told.once()
    world.clock.advance(day)
    assert await desk.told.once()
    assert not await desk.told.once()
    assert desk.scores() == {}
    assert world.values("good")["good"] == {1: False, 2: False, 3: False}
    world.clock.advance(9 * day)
    assert await desk.told.once()
    assert world.values("level")["level"] == {}


def test_a_run_gives_what_was_stated_before_the_tag_came_back(desk: Desk) -> None:
    world = desk.world
    desk.score(1, 7)
    world.define_only(ORDERS)
    world.define(SCORE)
    assert desk.scores() == {}
    world.run()
    assert desk.scores() == {1: 7}


def test_what_changed_between_two_moments(desk: Desk) -> None:
    world = desk.world
    start = world.clock.now()
    hour = dt.timedelta(hours=1)
    world.clock.advance(hour)
    desk.put("level", GivenValue(1, "gold"), GivenValue(2, "gold"), GivenValue(3, "gold"))
    world.clock.advance(hour)
    desk.put("level", GivenValue(1, "silver"))
    world.store(world.person(3, 3, 2), desk.redirect(2, 3))

    def read(connection: Any, since: dt.datetime) -> tuple[dict[ValueChangeKind, int], list[ValueChange]]:
        period = desk.changes.period(connection, "t1", "level", since, None, EVERYTHING)
        counts = desk.changes.counts(connection, "t1", period)
        return counts, desk.changes.page(connection, "t1", period, list(ValueChangeKind), 0, 10)

    world.clock.advance(hour)
    counts, rows = world.database.read_now(read, start)
    assert counts == {ValueChangeKind.ENTERED: 2, ValueChangeKind.LEFT: 0, ValueChangeKind.CHANGED: 0}
    assert rows == [  # the merged id stands for nobody of its own
        ValueChange(1, ValueChangeKind.ENTERED, None, "silver"),
        ValueChange(3, ValueChangeKind.ENTERED, None, "gold"),
    ]
    counts, rows = world.database.read_now(read, start + hour)
    assert rows == [ValueChange(1, ValueChangeKind.CHANGED, "gold", "silver")]
    with pytest.raises(VersionsNotKept):
        world.database.read_now(read, start - hour)


def test_erased_persons_leave_no_statement_and_no_version(desk: Desk) -> None:
    world = desk.world
    desk.put("level", GivenValue(1, "gold"), GivenValue(2, "gold"))
    world.store(desk.redirect(2, 1), world.person(1, 1, 2))
    world.store(world.person(1, state=PersonState.ERASED))
    forget = ForgetValues(world.facts, world.tags)
    assert world.database.write_now(forget, "t1") >= 2
    assert world.database.write_now(forget, "t1") == 0
    assert world.database.read_now(world.tags.stated.of_everybody, "t1", "level") == {}


HOURS = st.integers(0, 12)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 3), st.integers(0, 9), HOURS, st.none() | HOURS),
        st.tuples(st.just("merge"), st.integers(2, 3)),
        st.tuples(st.just("undo")),
        st.tuples(st.just("clear"), st.integers(1, 3)),
        st.tuples(st.just("hour")),
    ),
    max_size=12,
)


@given(STEPS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_stream_equals_the_batch(small_world: Callable[[], Any], steps: list[Any]) -> None:
    desk = Desk(small_world())
    world = desk.world
    merged: int | None = None
    for step in steps:
        match step:
            case ("put", person, points, age, left):
                now = world.clock.now()
                ends = None if left is None else now + dt.timedelta(hours=left + 1)
                desk.score(person, points, time=now - dt.timedelta(hours=age), expires_at=ends)
            case ("merge", person) if merged is None:
                keys = {1, person}
                world.store(world.person(1, *sorted(keys)), desk.redirect(person, 1))
                merged = person
            case ("undo",) if merged is not None:
                world.store(world.person(1, 1), world.person(merged, merged))
                merged = None
            case ("clear", person):
                desk.clear(person)
            case ("hour",):
                world.clock.advance(dt.timedelta(hours=1))
                for tenant, due in world.database.read_now(desk.told._turn.due).items():
                    world.database.write_now(desk.told._turn.turn, tenant, due)
    streamed = world.values("score", "good")
    assert world.run().failures == {}
    assert world.values("score", "good") == streamed


def test_another_type_is_told_with_who_loses_what_was_stated_before_it_holds(desk: Desk) -> None:
    desk.put("level", GivenValue(1, "gold"), GivenValue(2, "silver"))
    world = desk.world
    text = "{tag_id: level, name: 等级, type: number, imported: {sources: [crm]}}"
    (definition,) = parse_definitions(f"- {text}", "test")
    told = (
        "tag 'level', value_type: was text, becomes number; persons who lose their value: 2, until somebody states it "
        "as the new type (huaxiang tags import-values): what was stated does not count",
    )
    impact = world.database.read_now(world.governance.impact.of_definition, world.tenant, definition)
    assert (impact.warnings, impact.breaking) == (told, True)
    assert world.apply([definition], validate_only=True).warnings == told
    request = Request(Actor.of("ann", [Power.DIRECT]), "level")
    drafted = world.database.write_now(world.governance.drafts.write, world.tenant, request, definition)
    assert drafted.warnings == told
    assert world.apply([definition]).warnings == told
    assert world.values("level") == {"level": {}}
    desk.put("level", GivenValue(1, 30_000))
    assert world.values("level") == {"level": {1: 30_000}}
