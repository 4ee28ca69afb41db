"""A run of a column that stands computes those alone whose stored values may be wrong; all are right after it."""

import datetime as dt

import pytest
from tagging.app.keep_current import KeepCurrent
from tagging.app.roll_day import RollDay
from tagging.domain.persons import Person, PersonState
from tagging.domain.reference_rows import RowVersion
from tagging.store.tag_ports import RunState

pytestmark = pytest.mark.usefixtures("kept_queries")

ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
SPENT = "{tag_id: spent, name: x, type: number, statistic: SUM(order_paid.amount)}"
HOURS = "{tag_id: hours, name: x, type: number, statistic: COUNT(view_item) IN LAST 5 HOURS}"
BUSY = "{tag_id: busy, name: x, type: bool, statistic: hours >= 1}"
LATE = "{tag_id: late, name: x, type: number, update: run, statistic: COUNT(order_paid)}"
GENDER = "{tag_id: gender, name: x, type: text, layer: basic, attribute: gender}"
TWICE = "{tag_id: twice, name: x, type: number, statistic: orders * 2}"
RFM = """{tag_id: rfm, name: x, type: text,
    rfm: {recency: ELAPSED DAYS(LAST(order_paid)), frequency: COUNT(order_paid), monetary: SUM(order_paid.amount)}}"""
BEST = "{tag_id: best, name: x, type: text, statistic: rfm}"
PEOPLE = range(1, 11)


def town(world, *definitions):
    """Ten persons with an order each, computed once."""
    world.store(*(world.person(each, each, attributes={"gender": "female"}) for each in PEOPLE))
    world.store(*(order(world, each, days=each) for each in PEOPLE))
    world.settle_facts()
    world.define(*definitions)
    first = world.run()
    assert (first.state, first.failures) == (RunState.SUCCEEDED, {})
    assert set(first.person_counts.values()) == {10}


def order(world, key, **ago):
    return world.event(key, "order_paid", world.ago(**ago), amount=1_000_000 * key, channel="app")


def damage(world, column, person, value):
    """Somebody else writes into the store: no fact says so."""
    world.database.write_now(
        world.tags.values.put, world.tenant, {column: {person: value}}, world.clock.now()
    )


def keepers(world):
    parts = (world.facts, world.tags, world.columns)
    days = RollDay(world.database, world.changelog, world.everybody, *parts, world.compute, world.clock)
    current = KeepCurrent(
        world.database, world.changelog, *parts, world.recompute, world.compute, world.clock
    )
    return days, current


def test_of_a_column_that_stands_only_the_stale_are_computed(world):
    town(world, ORDERS, SPENT, GENDER, LATE)
    before = world.position
    world.leave_stale(order(world, 3, hours=1), world.person(4, 4, attributes={"gender": "male"}))
    run = world.run()
    assert run.failures == {}
    assert run.person_counts == {"orders": 2, "spent": 2, "gender": 1, "late": 10}
    assert run.coverage == {"orders": 10, "spent": 10, "gender": 10, "late": 10}
    assert world.values("orders", "gender")["orders"][3] == 20_000
    assert world.values("gender")["gender"][4] == "male"
    told = {each.block.column for each in world.changes(after=before) if each.HasField("block")}
    assert told == {"orders", "spent", "gender", "late"}
    assert world.stale() == []
    assert set(world.run("orders", "spent", "gender").person_counts.values()) == {0}


def test_everybody_is_computed_where_it_is_asked_for(world):
    """What was damaged in the store is mended by it; a run of the stale alone does not look at it."""
    town(world, ORDERS, TWICE)
    damage(world, "orders", 5, 990_000)
    damage(world, "twice", 6, 990_000)
    world.leave_stale(order(world, 3, hours=1))
    assert world.run().person_counts == {"orders": 1, "twice": 1}
    values = world.values()
    assert (values["orders"][5], values["twice"][6], values["twice"][3]) == (990_000, 990_000, 40_000)
    run = world.run(everybody=True)
    assert (run.everybody, run.person_counts) == (True, {"orders": 10, "twice": 10})
    values = world.values()
    assert (values["orders"][5], values["twice"][5], values["twice"][6]) == (10_000, 20_000, 20_000)


def test_events_concern_columns_of_their_type_and_what_looks_at_all_of_them(world):
    """Of a person of whom a statement came, too, anything may be new; and of one with many types."""
    stage = "{tag_id: stage, name: x, type: {base: text}, lifecycle: {}}"
    town(world, ORDERS, HOURS, stage, BUSY, GENDER)
    for key, type_ in ((2, "view_item"), (3, "order_paid"), (3, "search"), (4, "search"), (4, "search")):
        world.leave_stale(world.event(key, type_, world.ago(hours=1)))
    world.leave_stale(world.person(2, 2, attributes={"gender": "male"}))
    run = world.run()
    assert run.failures == {}
    assert run.person_counts == {"orders": 2, "hours": 1, "stage": 3, "busy": 1, "gender": 1}
    values = world.values()
    world.run(everybody=True)
    assert world.values() == values


def test_more_than_a_few_are_computed_with_everybody(world):
    town(world, ORDERS)
    world.leave_stale(*(order(world, each, hours=1) for each in range(1, 5)))
    assert world.run().person_counts == {"orders": 10}
    assert world.values()["orders"] == {each: 20_000 if each < 5 else 10_000 for each in PEOPLE}


def test_whom_a_column_changes_is_computed_in_what_rests_on_it(world, monkeypatch):
    """New cuts move the classes of persons to whom nothing happened, and the tags that rest on classes with them."""
    monkeypatch.setattr("tagging.app.division.MOST", 0.9)
    town(world, RFM, BEST, ORDERS)
    before = world.values()
    world.leave_stale(*(order(world, 9, hours=each) for each in range(1, 9)))
    run = world.run()
    assert (run.person_counts["rfm"], run.person_counts["orders"]) == (10, 1)
    assert 1 < run.person_counts["best"] < 10
    after = world.values()
    assert world.run(everybody=True).failures == {}
    assert world.values() == after
    assert {each for each in PEOPLE if before["best"].get(each) != after["best"].get(each)} > {9}


def test_who_lives_no_more_loses_the_values(world, monkeypatch):
    """One became part of another, one is erased."""
    monkeypatch.setattr("tagging.app.division.MOST", 0.9)
    town(world, ORDERS, LATE)
    world.leave_stale(
        Person(2, 50, PersonState.REDIRECTED, 1),
        Person(1, 51, PersonState.KNOWN, key_ids=(1, 2)),
        Person(4, 52, PersonState.ERASED),
    )
    assert world.run("orders").person_counts == {"orders": 1}
    values = world.values("orders")["orders"]
    assert (values[1], values.keys() & {2, 4}, len(values)) == (20_000, set(), 8)
    assert world.database.read_now(world.tags.values.known_count, world.tenant, "orders") == 8


def test_a_column_that_failed_or_was_overtaken_or_stopped_does_not_stand(world, monkeypatch):
    town(world, ORDERS, TWICE)
    world.leave_stale(order(world, 3, hours=1))

    def fails(self, *args):
        raise ValueError("no")

    with monkeypatch.context() as broken:
        broken.setattr("tagging.domain.recipe.Recipe.decide", fails)
        assert world.run("orders").failures.keys() == {"orders"}
    assert world.run().person_counts == {"orders": 10, "twice": 1}
    assert set(world.run().person_counts.values()) == {0}
    run = world.database.write_now(world.run_requests.create, "t1", "q", [])
    world.database.write_now(world.tags.runs.ask_to_stop, "t1", run.run_id)
    assert world.execute_runs.execute("t1", run).state is RunState.CANCELLED
    assert world.run().person_counts == {"orders": 10, "twice": 10}


def test_a_changed_definition_is_computed_of_everybody_and_so_is_what_reads_it(world):
    town(world, ORDERS, TWICE, SPENT)
    world.define(ORDERS.replace("COUNT(order_paid)", "COUNT(order_paid) + 1"))
    assert world.run().person_counts == {"orders": 10, "twice": 10, "spent": 0}
    assert set(world.values("twice")["twice"].values()) == {40_000}


def test_a_run_that_died_is_started_over_with_everybody(world):
    town(world, ORDERS, TWICE)

    class Died(BaseException):
        pass

    def die(*_):
        raise Died

    run = world.database.write_now(world.run_requests.create, "t1", "q", [])
    world.leave_stale(order(world, 3, hours=1))
    settle, world.compute.settle_touched = world.compute.settle_touched, die
    with pytest.raises(Died):
        world.execute_runs.execute("t1", run)
    world.compute.settle_touched = settle
    world.open()
    world.database.write_now(world.tags.computations.end_all)
    done = world.execute_runs.execute(*world.execute_runs.next())
    assert done.person_counts == {"orders": 10, "twice": 10}
    assert world.values()["twice"][3] == 40_000


def test_columns_that_read_rows_that_changed_are_computed_of_everybody(world):
    world.store(*(world.person(each, each) for each in PEOPLE))
    world.store(*(world.event(each, "view_item", world.ago(days=1), item_id="a") for each in PEOPLE))
    world.settle_facts()
    world.put_rows("items", RowVersion("a", {"brand": "x"}))
    world.define(
        "{tag_id: of_x, name: x, type: number, statistic: COUNT(view_item WHERE item_id.brand = 'x')}", ORDERS
    )
    world.run()
    assert world.follow_mapping.follow(at_once=True)
    assert set(world.run().person_counts.values()) == {0}
    world.put_rows("items", RowVersion("a", {"brand": "y"}))
    assert world.run().person_counts == {"of_x": 10, "orders": 0}
    assert set(world.values("of_x")["of_x"].values()) == {0}
    assert world.follow_mapping.follow(at_once=True)
    assert world.run().person_counts == {"of_x": 0, "orders": 0}


@pytest.mark.parametrize("restarted", [False, True])
def test_after_the_clock_was_set_back_everybody_is_computed(world, restarted):
    """Before the latest run, or only before what the stream gave since."""
    town(world, ORDERS, HOURS)
    start = world.clock.now()
    world.clock.advance(dt.timedelta(hours=3))
    world.store(world.event(1, "view_item", world.ago(hours=1)))
    world.clock._now = start + dt.timedelta(hours=1)
    if restarted:
        world.open()
    assert world.run().person_counts == {"orders": 10, "hours": 10}
    assert world.values("hours")["hours"] == dict.fromkeys(PEOPLE, 0)
    world.clock._now = start
    assert world.run().person_counts == {"orders": 10, "hours": 10}


def test_who_is_overdue_is_computed_and_due_again(world):
    town(world, HOURS, BUSY)
    world.store(*(world.event(3, "view_item", world.ago(hours=back)) for back in (4, 1)))
    assert world.values("hours")["hours"][3] == 20_000
    world.clock.advance(dt.timedelta(hours=2))
    assert world.run().person_counts == {"hours": 1, "busy": 1}
    assert world.values("hours")["hours"][3] == 10_000
    world.clock.advance(dt.timedelta(hours=3))
    _, current = keepers(world)
    assert current.age()
    assert (world.values()["hours"][3], world.values()["busy"][3]) == (0, False)


@pytest.mark.parametrize("first", ["a run of another tag", "a midnight"])
def test_who_is_overdue_stays_so_while_other_columns_are_computed(world, first):
    """However late the worker comes: down meanwhile, or busy with what is more urgent."""
    town(world, HOURS, BUSY, ORDERS)
    world.store(world.event(3, "view_item", world.ago(hours=1)))
    days, current = keepers(world)
    world.clock.advance(dt.timedelta(hours=25))
    if first == "a midnight":
        assert days.roll()
    else:
        assert world.run("orders").failures == {}
    while current.age():
        pass
    assert (world.values()["hours"][3], world.values()["busy"][3]) == (0, False)


def test_a_midnight_leaves_columns_standing(world):
    town(world, ORDERS, "{tag_id: today, name: x, type: number, statistic: COUNT(order_paid) IN LAST 3 DAYS}")
    days, _ = keepers(world)
    world.clock.advance(dt.timedelta(days=1))
    assert days.roll()
    streamed = world.values()
    assert set(world.run().person_counts.values()) == {0}
    world.run(everybody=True)
    assert world.values() == streamed


FRESH = "{tag_id: fresh, name: x, type: number, statistic: COUNT(order_paid) IN LAST 3 DAYS}"
AGAIN = "{tag_id: again, name: x, type: number, arithmetic: {expression: fresh * 2}}"
AWAY = "{tag_id: away, name: x, type: number, statistic: DAYS SINCE(LAST(order_paid))}"
BOTH = "{tag_id: both, name: x, type: number, arithmetic: {expression: fresh + away}}"


def test_at_midnight_only_those_are_computed_whose_days_turned(world, monkeypatch):
    """The second has an order on the day that leaves the window, the fourth on the day that ends, told ahead of it.
    What is computed of everybody reads of them what is computed, and of others what is stored."""
    town(world, FRESH, AGAIN, AWAY, BOTH)
    damage(world, "fresh", 5, 990_000)
    damage(world, "again", 5, 990_000)
    damage(world, "away", 5, 990_000)
    world.store(order(world, 4, hours=-3))
    before, position = world.values(), world.position
    days, _ = keepers(world)
    world.clock.advance(dt.timedelta(days=1))
    read, asked = world.compute.latest_cuts, []
    monkeypatch.setattr(world.compute, "latest_cuts", lambda *of: asked.append({*of[-1]}) or read(*of))
    assert days.roll()
    assert asked == [{"fresh", "again", "away", "both"}], "cuts are read once, not at each step"
    values = world.values()
    assert {each: values["fresh"][each] for each in (1, 2, 4, 5)} == {1: 10_000, 2: 0, 4: 10_000, 5: 990_000}
    assert {each: values["again"][each] for each in (1, 2, 4, 5)} == {1: 20_000, 2: 0, 4: 20_000, 5: 990_000}
    assert (before["fresh"][2], before["again"][2], before["fresh"][4]) == (10_000, 20_000, 0)
    assert values["away"][5] == 60_000  # days pass for everybody
    assert {each: values["both"][each] for each in (2, 4, 5)} == {2: 30_000, 4: 20_000, 5: 1_050_000}
    told = [each for each in world.changes(after=position) if each.HasField("block")]
    assert {each.block.column for each in told} == {"fresh", "again", "away", "both"}
    values["fresh"][5], values["again"][5], values["both"][5] = 0, 0, 60_000
    world.run(everybody=True)
    assert world.values() == values


LATELY = """{tag_id: lately, name: x, type: datetime,
    statistic: LAST(order_paid) IN PREVIOUS 3 DAYS BEFORE LAST}"""
SINCE = "{tag_id: since, name: x, type: number, statistic: ELAPSED DAYS(lately)}"


def test_after_midnight_persons_are_due_by_what_midnight_gave(world):
    """The second's order enters the window at midnight, and is three days old at noon."""
    town(world, LATELY, SINCE)
    days, current = keepers(world)
    world.clock.advance(dt.timedelta(hours=12, minutes=5))
    assert days.roll()
    assert world.values()["since"] == {2: 20_000, 3: 30_000, 4: 40_000}
    world.clock.advance(dt.timedelta(hours=14))
    while current.age():
        pass
    streamed = world.values()
    assert streamed["since"] == {2: 30_000, 3: 40_000, 4: 50_000}
    world.run(everybody=True)
    assert world.values() == streamed


def test_many_stale_persons_are_computed_without_all_others(world, monkeypatch):
    monkeypatch.setattr("tagging.app.keep_current.MANY", 1)
    town(world, ORDERS, TWICE)
    damage(world, "orders", 5, 990_000)
    world.leave_stale(order(world, 3, hours=1), order(world, 4, hours=1))
    _, current = keepers(world)
    assert current.recompute_stale()
    values = world.values()
    assert (values["twice"][3], values["orders"][4], values["orders"][5]) == (40_000, 20_000, 990_000)
    assert world.stale() == []
    assert not current.recompute_stale()
