"""Values stay current when no fact comes live: days roll, hours pass, bulk facts leave persons stale."""

import datetime as dt
import itertools

import pytest
from servicekit.revision import Lane, Revision
from tagging.app.apply_changes import StoreFacts
from tagging.app.keep_current import KeepCurrent
from tagging.app.roll_day import RollDay
from tagging.domain.persons import Person, PersonState

pytestmark = pytest.mark.usefixtures("kept_queries")

WEEK = "{tag_id: week, name: x, type: number, statistic: COUNT(order_paid) IN LAST 7 DAYS}"
BUSY = "{tag_id: busy, name: x, type: bool, statistic: week > 1}"
TOTAL = "{tag_id: total, name: x, type: number, statistic: COUNT(order_paid)}"
HOURS = "{tag_id: hours, name: x, type: number, statistic: COUNT(order_paid) IN LAST 6 HOURS}"
AWAY = "{tag_id: away, name: x, type: number, statistic: ELAPSED DAYS(LAST(order_paid))}"
LONG = "{tag_id: long, name: x, type: bool, layered_rule: {layers: [{when: away >= 2, then: true}]}}"

FRESH = """{tag_id: fresh, name: x, type: bool, layered_rule: {otherwise: false, layers: [{then: true,
    when: COUNT(order_paid) IN LAST 6 HOURS >= 1 AND COUNT(order_paid) IN LAST 7 DAYS >= 1}]}}"""


@pytest.fixture
def current(world):
    return KeepCurrent(
        world.database,
        world.changelog,
        world.facts,
        world.tags,
        world.columns,
        world.recompute,
        world.compute,
        world.clock,
    )


@pytest.fixture
def days(world):
    return RollDay(
        world.database,
        world.changelog,
        world.everybody,
        world.facts,
        world.tags,
        world.columns,
        world.compute,
        world.clock,
    )


def order(world, key, **ago):
    return world.event(key, "order_paid", world.ago(**ago), amount=10_000)


def test_a_rolled_day_moves_day_windows_together(world, days):
    world.define(WEEK, BUSY, TOTAL)
    world.store(world.person(1, 1), world.person(2, 2))
    world.store(order(world, 1, days=6), order(world, 1, days=1), order(world, 2, days=2))
    assert world.values() == {
        "week": {1: 20_000, 2: 10_000},
        "busy": {1: True, 2: False},
        "total": {1: 20_000, 2: 10_000},
    }
    assert not days.roll()
    world.clock.advance(dt.timedelta(days=1))
    before = world.position
    assert days.roll()
    assert world.values() == {
        "week": {1: 10_000, 2: 10_000},
        "busy": {1: False, 2: False},
        "total": {1: 20_000, 2: 10_000},
    }
    *blocks, day = world.changes(after=before)
    assert {each.block.column for each in blocks} == {"week", "busy"}
    assert day.day.day == (dt.date(2026, 3, 11) - dt.date(1970, 1, 1)).days
    assert not days.roll()


def test_until_the_day_rolls_its_windows_stand_at_yesterday(world, days):
    world.define(WEEK, TOTAL)
    world.store(world.person(1, 1))
    world.store(order(world, 1, days=6))
    world.clock.advance(dt.timedelta(days=1))
    world.store(order(world, 1, hours=1))
    # the order of today counts at once where no day matters
    assert world.values() == {"week": {1: 10_000}, "total": {1: 20_000}}
    days.roll()
    assert world.values() == {"week": {1: 10_000}, "total": {1: 20_000}}
    (tenant,) = world.database.read_now(world.facts.tenants.all)
    assert tenant.day == dt.date(2026, 3, 11)


def test_several_days_roll_at_once_and_equal_a_run(world, days):
    world.define(WEEK, BUSY, AWAY, LONG)
    world.store(world.person(1, 1), world.person(2, 2))
    world.store(order(world, 1, days=3), order(world, 1, days=1), order(world, 2, days=2))
    world.clock.advance(dt.timedelta(days=5, hours=13))
    days.roll()
    rolled = world.values("week", "busy")
    assert rolled == {"week": {1: 0, 2: 0}, "busy": {1: False, 2: False}}
    world.run()
    assert world.values("week", "busy") == rolled


def test_hours_and_elapsed_days_age_by_themselves(world, current):
    world.define(HOURS, AWAY, LONG)
    world.store(world.person(1, 1), world.person(2, 2))
    world.store(order(world, 1, hours=5), order(world, 2, hours=47))
    assert world.values() == {"hours": {1: 10_000, 2: 0}, "away": {1: 0, 2: 10_000}, "long": {}}
    assert not current.age()
    world.clock.advance(dt.timedelta(hours=1) - dt.timedelta(microseconds=1))
    assert not current.age()
    world.clock.advance(dt.timedelta(microseconds=1))
    assert current.age()
    assert not current.age()
    assert world.values() == {"hours": {1: 0, 2: 0}, "away": {1: 0, 2: 20_000}, "long": {2: True}}


def test_what_a_run_computed_ages_too(world, current):
    world.store(world.person(1, 1))
    world.store(order(world, 1, hours=5))
    world.define(HOURS, AWAY)
    world.run()
    assert world.values() == {"hours": {1: 10_000}, "away": {1: 0}}
    world.clock.advance(dt.timedelta(hours=19))
    while current.age():
        pass
    assert world.values() == {"hours": {1: 0}, "away": {1: 10_000}}


def test_many_who_are_due_are_computed_with_everybody(world, current, monkeypatch):
    monkeypatch.setattr("tagging.app.keep_current.MANY", 1)
    world.define(HOURS, AWAY, LONG)
    world.store(*(world.person(each, each) for each in range(1, 5)))
    world.store(*(order(world, each, hours=5) for each in range(1, 5)))
    world.clock.advance(dt.timedelta(hours=43))
    before = world.position
    while current.age():
        pass
    assert world.values() == {
        "hours": dict.fromkeys(range(1, 5), 0),
        "away": dict.fromkeys(range(1, 5), 20_000),
        "long": dict.fromkeys(range(1, 5), True),
    }
    assert {each.WhichOneof("change") for each in world.changes(after=before)} == {"block"}


def stale(world, *facts, position=5):
    """Facts of the bulk lane, as they are stored."""

    def write(connection):
        persons = [each for each in facts if isinstance(each, Person)]
        events = [each for each in facts if not isinstance(each, Person)]
        stored = StoreFacts(world.facts, world.clock.now)(connection, "t1", None, persons, events)
        world.facts.progress.add_stale(connection, "t1", stored.touched, position)
        world.changelog.append(connection, Lane.BULK, stored.entries)

    world.database.write_now(write)


def test_bulk_facts_are_computed_in_chunks(world, current):
    world.define(TOTAL)
    stale(world, world.person(1, 1), world.person(2, 2, state=PersonState.ANONYMOUS))
    stale(world, order(world, 1, days=1), order(world, 2, days=1))
    assert world.values() == {"total": {}}
    assert current.recompute_stale()
    assert world.values() == {"total": {1: 10_000, 2: 10_000}}
    assert not current.recompute_stale()
    assert [each.values.person_id for each in world.changes(Lane.BULK) if each.HasField("values")] == [1, 2]


def test_many_stale_persons_are_computed_with_everybody(world, current, monkeypatch):
    monkeypatch.setattr("tagging.app.keep_current.MANY", 1)
    cursor = Revision("identity", "0" * 16, bulk=5)
    monkeypatch.setattr(type(world.facts.progress), "cursor", lambda *_: cursor)
    world.define(TOTAL)
    stale(world, world.person(1, 1), world.person(2, 2))
    stale(world, order(world, 1, days=1))
    assert current.recompute_stale()
    assert world.values() == {"total": {1: 10_000, 2: 0}}
    assert world.database.read_now(world.facts.progress.stale_counts) == {}


def test_who_became_stale_during_a_run_stays_so(world, monkeypatch):
    cursors = (Revision("identity", "0" * 16, bulk=position) for position in (5, 6))
    monkeypatch.setattr(type(world.facts.progress), "cursor", lambda *_: next(cursors))
    world.define(TOTAL)
    stale(world, world.person(1, 1))
    assert world.run().failures == {}
    assert world.database.read_now(world.facts.progress.stale_counts) == {"t1": 1}


def test_ageing_ends_when_no_column_ages_any_more(world, current):
    world.define(HOURS, TOTAL)
    world.store(world.person(1, 1))
    world.store(order(world, 1, hours=5))
    world.define_only(TOTAL)
    world.clock.advance(dt.timedelta(hours=2))
    assert [current.age() for _ in range(3)] == [True, False, False]


def test_ageing_of_many_ends_when_no_column_ages_any_more(world, current, monkeypatch):
    monkeypatch.setattr("tagging.app.keep_current.MANY", 1)
    world.define(HOURS, TOTAL)
    world.store(world.person(1, 1), world.person(2, 2))
    world.store(order(world, 1, hours=5), order(world, 2, hours=5))
    world.define_only(TOTAL)
    world.clock.advance(dt.timedelta(hours=2))
    assert [current.age() for _ in range(3)] == [True, False, False]


def test_what_happened_between_midnight_and_the_rolled_day_ages_too(world, days, current):
    """Before the roll the column stands at yesterday's end and foresees nothing of today's order."""
    world.define(FRESH)
    world.store(world.person(1, 1))
    world.clock.advance(dt.timedelta(hours=12, minutes=1))
    world.store(order(world, 1, minutes=1))
    assert days.roll()
    assert world.values() == {"fresh": {1: True}}
    world.clock.advance(dt.timedelta(hours=7))
    while current.age():
        pass
    assert world.values() == {"fresh": {1: False}}


def test_many_stale_persons_are_computed_although_bulk_facts_never_end(world, current, monkeypatch):
    """Facts that come while everybody is computed may be about anybody: then nobody counts as computed."""
    monkeypatch.setattr("tagging.app.keep_current.MANY", 1)
    positions = itertools.count(5)
    monkeypatch.setattr(
        type(world.facts.progress),
        "cursor",
        lambda *_: Revision("identity", "0" * 16, bulk=next(positions)),
    )
    world.define(TOTAL)
    stale(world, world.person(1, 1), world.person(2, 2))
    assert [current.recompute_stale() for _ in range(3)] == [True, True, False]
    assert world.values() == {"total": {1: 0, 2: 0}}


def test_a_late_event_takes_nobody_s_moment_away(world, current):
    """The order concerns only a window that is over; when the other tag turns follows from a tag that it does not."""
    world.define(
        HOURS,
        "{tag_id: joined, name: x, type: datetime, attribute: joined}",
        "{tag_id: old, name: x, type: bool, statistic: ELAPSED DAYS(joined) >= 3}",
    )
    world.store(world.person(1, 1, attributes={"joined": world.ago(days=2, hours=23)}))
    world.store(order(world, 1, hours=9))
    world.clock.advance(dt.timedelta(hours=2))
    while current.age():
        pass
    assert world.values("old", "hours") == {"old": {1: True}, "hours": {1: 0}}
