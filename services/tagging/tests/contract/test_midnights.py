"""A midnight is written to files column by column and put in force at once: whatever comes in between, and whenever the
process dies, values are those of a run and are told as they are."""

import datetime as dt
from collections import defaultdict

import numpy as np
import pytest
from tagging.app.features import KeepFeatures, SetRequiredFeatures
from tagging.app.keep_current import KeepCurrent
from tagging.app.roll_day import RollDay
from tagging.domain.persons import Person, PersonState
from tagging.store.tag_ports import RunState

PEOPLE = range(1, 41)
FRESH = "{tag_id: fresh, name: x, type: number, statistic: COUNT(order_paid) IN LAST 3 DAYS}"
AGAIN = "{tag_id: again, name: x, type: number, arithmetic: {expression: fresh * 2}}"
FIRST = "{tag_id: first, name: x, type: text, statistic: FIRST(order_paid.channel) IN LAST 3 DAYS}"


FEATURE = "COUNT(order_paid WHERE amount > 0) IN LAST 3 DAYS"


class Died(BaseException):
    """The process ends."""


@pytest.fixture
def days(world):
    """Forty persons, of whom each tenth has an order on the day that leaves the window."""
    world.store(*(world.person(each, each) for each in PEOPLE))
    world.store(*(order(world, each, days=2 if each % 10 == 0 else 1) for each in PEOPLE))
    world.settle_facts()
    world.define(FRESH, AGAIN, FIRST)
    stores = (world.tags, world.columns, world.changelog)
    world.database.write_now(
        SetRequiredFeatures(world.facts, *stores, world.clock), world.tenant, "x", [FEATURE]
    )
    assert world.run().state is RunState.SUCCEEDED
    assert KeepFeatures(world.database, world.changelog, *stores[:2], world.compute, world.clock).backfill()
    world.clock.advance(dt.timedelta(days=1))
    return roll_day(world)


def roll_day(world):
    parts = (world.facts, world.tags, world.columns)
    return RollDay(world.database, world.changelog, world.everybody, *parts, world.compute, world.clock)


def keep_current(world):
    stores = (world.facts, world.tags, world.columns)
    parts = (world.recompute, world.compute, world.clock)
    return KeepCurrent(world.database, world.changelog, *stores, *parts)


def order(world, key, **ago):
    return world.event(key, "order_paid", world.ago(**ago), amount=10_000, channel="app")


def meanwhile(world, monkeypatch, happens):
    """After all is staged, before anything is put in force."""
    stored = world.compute.store_due

    def store_due(*of, **how):
        monkeypatch.setattr(world.compute, "store_due", stored)
        stored(*of, **how)
        happens()

    monkeypatch.setattr(world.compute, "store_due", store_due)


def followed(world, values, position):
    """What a consumer of the changelog has of columns of numbers."""
    found = defaultdict(dict, {column: dict(by_person) for column, by_person in values.items()})
    for change in world.changes(after=position):
        if change.HasField("block"):
            said = change.block
            starts = np.cumsum([0, *np.frombuffer(said.counts, "<u2")])
            codes = np.frombuffer(said.codes, "<i8").tolist()
            for place, offset in enumerate(np.frombuffer(said.offsets, "<u2").tolist()):
                found[said.column][offset] = codes[starts[place] : starts[place + 1]]
        for each in change.values.values:
            codes = [each.value.number_value] if each.HasField("value") else []
            found[each.column][change.values.person_id] = codes
    return {column: {person: code for person, code in found[column].items() if code} for column in values}


def coded(values):
    return {
        column: {person: [code] for person, code in by_person.items()}
        for column, by_person in values.items()
        if column != "first"
    }


def test_few_who_turned_lie_over_the_files_of_all(world, days):
    files = world.files.names()
    assert days.roll()
    over = world.files.names() - files
    assert {each.rpartition(".")[2] for each in over} == {"overlays"}
    assert {each.split("/")[1] for each in over} == {"fresh", "again", "first", "feature"}
    values = world.values()
    assert {person for person in PEOPLE if values["fresh"][person] == 0} == {10, 20, 30, 40}
    assert values["first"].keys() == {*PEOPLE} - {10, 20, 30, 40}
    world.run(everybody=True)
    assert world.values() == values


def test_who_is_touched_meanwhile_is_right_and_told(world, days, monkeypatch):
    """Of two who turned one has another order and one is erased; others have orders, are erased; some of it is folded
    into the files before midnight is put in force."""
    before, position = coded(world.values()), world.position

    def happens():
        world.store(order(world, 10, days=2), order(world, 3, days=1), Person(20, 90, PersonState.ERASED))
        world.database.write_now(world.tags.values.fold, world.tenant, 1)
        world.store(order(world, 4, hours=1), Person(5, 91, PersonState.ERASED))

    meanwhile(world, monkeypatch, happens)
    assert days.roll()
    values = world.values()
    assert {each: values["fresh"].get(each) for each in (10, 20, 30, 3, 4, 5)} == {
        10: 10_000,
        20: None,
        30: 0,
        3: 20_000,
        4: 20_000,
        5: None,
    }
    assert followed(world, before, position) == coded(values)
    world.run(everybody=True)
    assert world.values() == values


def test_a_definition_that_changes_meanwhile_is_left_to_the_stream(world, days, monkeypatch):
    meanwhile(world, monkeypatch, lambda: world.define(FRESH.replace("3 DAYS", "2 DAYS")))
    assert days.roll()
    assert world.values()["again"][10] == 0
    world.run()
    values = world.values()
    world.run(everybody=True)
    assert world.values() == values


def test_a_midnight_that_fails_before_it_is_put_in_force_leaves_no_file(world, days, monkeypatch):
    before, files = world.values(), world.files.names()
    with monkeypatch.context() as broken:
        meanwhile(world, broken, lambda: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            days.roll()
    assert (world.values(), world.files.names()) == (before, files)
    assert days.roll()
    assert world.values()["fresh"][10] == 0


def test_a_process_that_dies_between_files_and_commit_leaves_files_that_go(world, days, monkeypatch):
    before, files = world.values(), world.files.names()

    def die(*_):
        raise Died

    with monkeypatch.context() as dying:
        dying.setattr(world.facts.entries, "day", die)
        dying.setattr(world.tags.staged, "discard", lambda _: None)
        with pytest.raises(Died):
            days.roll()
    world.open()
    world.database.write_now(world.tags.computations.end_all)
    assert world.values() == before
    assert world.database.read_now(world.tags.values.sweep) == 4
    assert world.files.names() == files
    assert roll_day(world).roll()
    values = world.values()
    assert values["fresh"][10] == 0
    world.run(everybody=True)
    assert world.values() == values


@pytest.mark.parametrize("killed", [False, True])
def test_who_was_touched_is_settled_although_it_fails_when_all_is_in_force(world, days, monkeypatch, killed):
    def die(*_):
        raise Died

    meanwhile(world, monkeypatch, lambda: world.store(world.event(10, "view_item", world.ago(hours=1))))
    monkeypatch.setattr(world.compute, "settle_touched", die)
    if killed:  # nothing more is written
        monkeypatch.setattr(world.tags.computations, "end", die)
    with pytest.raises(Died):
        days.roll()
    world.open()
    world.database.write_now(world.compute.end_dead)
    assert world.stale() == [10]
    assert keep_current(world).recompute_stale()
    values = world.values()
    assert values["fresh"][10] == 0
    world.run(everybody=True)
    assert world.values() == values


def test_new_texts_get_codes_under_the_tenants_lock(world, days, monkeypatch):
    """The stream gives codes at the same time: without it two texts would get one."""
    locked, given = [], []
    lock, codes = world.facts.tenants.lock, world.tags.staged.codes

    def lock_and_say(connection, tenant):
        locked.append(connection)
        lock(connection, tenant)

    def codes_and_say(connection, *of):
        given.append(locked[-1] is connection)
        return codes(connection, *of)

    world.leave_stale(order(world, 10, hours=1))
    monkeypatch.setattr(world.facts.tenants, "lock", lock_and_say)
    monkeypatch.setattr(world.tags.staged, "codes", codes_and_say)
    assert days.roll()
    world.leave_stale(order(world, 20, hours=1))
    assert world.run("first").person_counts == {"first": 2}
    assert given == [True, True]
