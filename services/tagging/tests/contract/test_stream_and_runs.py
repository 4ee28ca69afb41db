"""Tags as the stream and as runs compute them, on every store."""

import datetime as dt
from contextlib import contextmanager

import numpy as np
import pytest
from tagging.app.apply_changes import StoreFacts
from tagging.app.flush_lake import FlushLake
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.persons import Person, PersonState
from tagging.domain.run_failures import OVERFLOW, OVERTAKEN
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.sql_manifest import SqlManifest
from tagging.store.tag_ports import RunState

pytestmark = pytest.mark.usefixtures("kept_queries")

ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
SPENT = "{tag_id: spent, name: x, type: number, statistic: SUM(order_paid.amount)}"
CHANNEL = "{tag_id: channel, name: x, type: text, statistic: LAST(order_paid.channel)}"
CHANNELS = "type: text, statistic: LAST(order_paid.channel)"
BIG = """{tag_id: big, name: x, type: bool,
    layered_rule: {layers: [{when: spent > 100 AND orders >= 2, then: true}], otherwise: false}}"""
RFM = """{tag_id: rfm, name: x, type: text,
    rfm: {recency: ELAPSED DAYS(LAST(order_paid)), frequency: COUNT(order_paid), monetary: SUM(order_paid.amount)}}"""


def shop(world):
    """Three persons: two orders, one order, none."""
    world.store(world.person(1, 1, 2), world.person(2, 3), world.person(3, 4))
    world.store(
        world.event(1, "order_paid", world.ago(days=1), amount=1_000_000, channel="app"),
        world.event(2, "order_paid", world.ago(days=2), amount=500_000, channel="shop"),
        world.event(3, "order_paid", world.ago(days=40), amount=200_000, channel="shop"),
    )


def test_the_stream_computes_in_order_of_dependency(world):
    world.define(BIG, CHANNEL, SPENT, ORDERS)
    shop(world)
    assert world.values() == {
        "orders": {1: 20_000, 2: 10_000, 3: 0},
        "spent": {1: 1_500_000, 2: 200_000, 3: 0},
        "channel": {1: "app", 2: "shop"},
        "big": {1: True, 2: False, 3: False},
    }


def test_the_stream_tells_changed_values_only(world):
    world.define(ORDERS, CHANNEL)
    shop(world)
    before = world.position
    world.store(world.event(3, "order_paid", world.ago(days=1), amount=1, channel="shop"))
    (change,) = world.changes(after=before)
    assert change.values.person_id == 2
    assert [(each.column, each.value.number_value) for each in change.values.values] == [("orders", 20_000)]


def test_a_repeat_tells_nothing(world):
    world.define(ORDERS)
    shop(world)
    order = world.event(3, "order_paid", world.ago(days=1), amount=1)
    world.store(order)
    before = world.position
    world.store(order)
    assert world.changes(after=before) == []


def test_merging_and_splitting_fold_again(world):
    world.define(ORDERS)
    shop(world)
    world.store(Person(2, 50, PersonState.REDIRECTED, 1), world.person(1, 1, 2, 3))
    merged = Person(1, 60, PersonState.KNOWN, key_ids=(1, 2, 3))
    world.store(merged)
    assert world.values("orders")["orders"] == {1: 30_000, 3: 0}
    gone = [each.values for each in world.changes() if each.values.person_id == 2][-1]
    assert not gone.values[0].HasField("value")
    world.store(
        Person(2, 70, PersonState.KNOWN, key_ids=(3,)), Person(1, 71, PersonState.KNOWN, key_ids=(1, 2))
    )
    assert world.values("orders")["orders"] == {1: 20_000, 2: 10_000, 3: 0}


def test_a_run_gives_what_the_stream_gives(world):
    world.define(BIG, CHANNEL, SPENT, ORDERS)
    shop(world)
    streamed = world.values()
    before = world.position
    run = world.run()
    assert (run.state, run.coverage) == (
        RunState.SUCCEEDED,
        {"big": 3, "channel": 2, "orders": 3, "spent": 3},
    )
    assert world.values() == streamed
    assert world.changes(after=before) == []


def test_a_run_computes_what_was_there_before_the_definition(world):
    shop(world)
    world.define(BIG, CHANNEL, SPENT, ORDERS)
    assert world.values() == {"orders": {}, "spent": {}, "channel": {}, "big": {}}
    before = world.position
    run = world.run()
    assert run.failures == {}
    assert world.values("channel", "big") == {
        "channel": {1: "app", 2: "shop"},
        "big": {1: True, 2: False, 3: False},
    }
    blocks = {each.block.column: each.block for each in world.changes(after=before)}
    texts = {each.code: each.text for each in blocks["channel"].dictionary}
    codes = np.frombuffer(blocks["channel"].codes, "<i8").tolist()
    assert [texts[each] for each in codes] == ["app", "shop"]
    assert np.frombuffer(blocks["channel"].offsets, "<u2").tolist() == [1, 2]
    assert np.frombuffer(blocks["channel"].old_counts, "<u2").tolist() == [0, 0]


def test_one_tag_brings_what_it_rests_on(world):
    shop(world)
    world.define(BIG, CHANNEL, SPENT, ORDERS)
    assert world.run("big").coverage.keys() == {"big", "orders", "spent"}


def test_a_failing_tag_stops_no_other(world):
    world.define(
        ORDERS, "{tag_id: huge, name: x, type: number, statistic: SUM(order_paid.amount) * 900000000000000}"
    )
    shop(world)
    run = world.run()
    assert run.state is RunState.FAILED
    assert run.failures == {"huge": OVERFLOW}
    assert run.coverage == {"orders": 3}
    assert run.costs.keys() == {"orders"}
    assert run.costs["orders"].rows_read == 3 + 3  # orders and persons
    assert run.rows_read >= 3 + 3


def test_rfm_has_classes_only_after_a_run_froze_the_means(world):
    world.define(RFM)
    shop(world)
    assert world.values() == {"rfm": {}}
    world.run()
    # means: recency 20.5 days, frequency 1.5, monetary 85
    assert world.values() == {"rfm": {1: "key_value", 2: "general_win_back"}}
    world.store(
        world.event(4, "order_paid", world.ago(days=1), amount=900_000),
        world.event(3, "order_paid", world.ago(days=1), amount=900_000),
    )
    # the stream classifies by the frozen means
    assert world.values() == {"rfm": {1: "key_value", 2: "key_value", 3: "key_develop"}}
    cuts = world.database.read_now(world.tags.cuts.latest, "t1", "rfm", 1)
    assert (cuts.number, cuts.cuts.frequency.number, cuts.cuts.monetary.number) == (1, 15_000, 850_000)
    world.run()
    cuts = world.database.read_now(world.tags.cuts.latest, "t1", "rfm", 1)
    assert cuts.number == 2


def test_who_is_touched_during_a_run_keeps_the_newer_value(world, monkeypatch):
    """An order arrives after the run's snapshot and before its blocks are published."""
    world.define(ORDERS, RFM)
    shop(world)
    compute = type(world.everybody).snapshot

    def snapshot_then_order(self, *args):
        manager = compute(self, *args)
        found = manager.__enter__()
        world.store(world.event(4, "order_paid", world.ago(days=1), amount=5_000_000))

        class Given:
            def __enter__(self):
                return found

            def __exit__(self, *failure):
                return manager.__exit__(*failure)

        return Given()

    monkeypatch.setattr(type(world.everybody), "snapshot", snapshot_then_order)
    run = world.run()
    assert run.failures == {}
    assert world.values("orders") == {"orders": {1: 20_000, 2: 10_000, 3: 10_000}}
    # classified by the cuts that the run froze, although it was touched before they stood
    assert world.values("rfm") == {"rfm": {1: "key_value", 2: "general_win_back", 3: "key_develop"}}


def test_of_who_is_touched_during_a_run_what_only_runs_compute_is_the_run_s(world, monkeypatch):
    """An order and a merge come after the snapshot; nobody but runs computes the tag."""
    world.define("{tag_id: late, name: x, type: number, update: run, statistic: COUNT(order_paid)}")
    shop(world)
    snapshot = type(world.everybody).snapshot

    @contextmanager
    def snapshot_then_facts(self, *args):
        with snapshot(self, *args) as found:
            world.store(world.event(4, "order_paid", world.ago(days=1), amount=1))
            merged = Person(1, 51, PersonState.KNOWN, key_ids=(1, 2, 3))
            world.store(Person(2, 50, PersonState.REDIRECTED, 1), merged)
            yield found

    monkeypatch.setattr(type(world.everybody), "snapshot", snapshot_then_facts)
    assert world.run().failures == {}
    assert world.values() == {"late": {1: 20_000, 3: 0}}


def test_what_only_runs_derive_goes_when_the_person_objects(world, monkeypatch):
    """At once, also while a run computes; a basic tag that rests on it follows."""
    kind = "type: number, update: run, layer: derived, statistic: COUNT(order_paid)"
    world.define(
        f"{{tag_id: late, name: x, {kind}}}", "{tag_id: twice, name: x, type: number, statistic: late * 2}"
    )
    shop(world)
    world.run()
    assert world.values() == {"late": {1: 20_000, 2: 10_000, 3: 0}, "twice": {1: 40_000, 2: 20_000, 3: 0}}
    world.store(world.person(1, 1, 2, attributes={"no_profiling": True}))
    assert world.values() == {"late": {2: 10_000, 3: 0}, "twice": {2: 20_000, 3: 0}}
    snapshot = type(world.everybody).snapshot

    @contextmanager
    def snapshot_then_objection(self, *args):
        with snapshot(self, *args) as found:
            world.store(world.person(2, 3, attributes={"no_profiling": True}))
            yield found

    monkeypatch.setattr(type(world.everybody), "snapshot", snapshot_then_objection)
    assert world.run().failures == {}
    assert world.values() == {"late": {3: 0}, "twice": {3: 0}}


def test_a_run_is_cancelled_and_what_is_published_stays(world, monkeypatch):
    world.define(ORDERS, BIG, SPENT)
    shop(world)
    run = world.database.write_now(world.run_requests.create, "t1", "q", [])
    world.database.write_now(world.tags.runs.ask_to_stop, "t1", run.run_id)
    done = world.execute_runs.execute("t1", run)
    assert (done.state, done.coverage) == (RunState.CANCELLED, {})
    assert world.values("orders")["orders"] == {1: 20_000, 2: 10_000, 3: 0}


def test_an_interrupted_run_starts_over_and_loses_nothing_that_came_meanwhile(world):
    world.define(ORDERS)
    shop(world)
    run = world.database.write_now(world.run_requests.create, "t1", "q", [])

    class Died(BaseException):
        pass

    def die(*_):
        raise Died

    publish, world.compute._publish = world.compute._publish, die
    with pytest.raises(Died):
        world.execute_runs.execute("t1", run)
    world.compute._publish = publish
    world.open()
    world.database.write_now(world.tags.computations.end_all)
    world.clock.advance(dt.timedelta(hours=1))
    world.store(world.event(4, "order_paid", world.ago(minutes=1), amount=1))
    tenant, interrupted = world.execute_runs.next()
    assert interrupted.state is RunState.RUNNING
    done = world.execute_runs.execute(tenant, interrupted)
    assert (done.state, done.as_of) == (RunState.SUCCEEDED, world.clock.now())
    assert world.values("orders") == {"orders": {1: 20_000, 2: 10_000, 3: 10_000}}
    assert world.execute_runs.next() is None


def test_values_survive_a_restart_of_everything(world):
    world.define(ORDERS, CHANNEL)
    shop(world)
    world.run()
    world.store(world.event(4, "order_paid", world.ago(days=1), amount=1, channel="pos"))
    before = world.values()
    world.open()
    assert world.values() == before


def test_the_retail_catalogue_agrees_in_stream_and_run(world):
    world.apply(pack_definitions(RETAIL))
    world.store(
        world.person(
            1,
            1,
            attributes={
                "gender": "female",
                "city": "上海",
                "birth_date": dt.date(1990, 5, 1),
            },
        ),
        world.person(2, 2, state=PersonState.ANONYMOUS),
        world.person(3, 3, attributes={"gender": "other"}),
    )
    for hours in (1, 30, 300, 3_000):
        for key in (1, 2, 3):
            world.store(
                world.event(key, "view_item", world.ago(hours=hours), category="茶"),
                world.event(key, "search", world.ago(hours=hours), keyword=f"词{key}"),
                world.event(key, "add_to_cart", world.ago(hours=hours), quantity=10_000),
            )
    lines = ({"category": "茶", "quantity": 10_000}, {"category": "酒"})
    world.store(
        world.event(1, "order_paid", world.ago(hours=200), amount=990_000, discount=10_000, items=lines),
        world.event(1, "order_refunded", world.ago(hours=100), amount=330_000),
        world.event(3, "order_paid", world.ago(hours=20), amount=10_000, coupon_id="c1"),
    )
    streamed = world.values()
    assert streamed["age_band"] == {1: "35-44"}
    assert streamed["gender"] == {1: "female"}
    assert streamed["cart_abandoner"] == {1: True, 2: True, 3: False}
    assert streamed["refund_rate"] == {1: 3_333, 3: 0}
    assert streamed["lifecycle_stage"] == {1: "new", 3: "new"}
    run = world.run()
    assert run.failures == {}
    computed = world.values()
    # one bought more, the other bought later
    assert (streamed.pop("rfm_class"), computed.pop("rfm_class")) == (
        {},
        {1: "key_win_back", 3: "general_develop"},
    )
    # fifths and percentiles, which a run freezes
    assert (streamed.pop("rfm_scores"), computed.pop("rfm_scores")) == ({}, {1: "113", 3: "311"})
    assert (streamed.pop("spend_tier"), computed.pop("spend_tier")) == ({}, {1: "middle", 3: "standard"})
    assert (streamed.pop("win_back_target"), computed.pop("win_back_target")) == ({1: False, 3: False},) * 2
    assert computed == streamed


def test_an_order_stored_just_before_a_run_records_who_is_touched_counts(world):
    """Between the worker's decision and the run's first transaction the writer may be busy with live facts."""
    world.define(ORDERS)
    shop(world)
    begin = world.tags.computations.begin

    def order_first(connection, *args):
        world.tags.computations.begin = begin
        world.clock.advance(dt.timedelta(seconds=1))
        stored = StoreFacts(world.facts, world.clock.now)(
            connection, "t1", None, [], [world.event(4, "order_paid", world.clock.now(), amount=1)]
        )
        world.recompute(connection, "t1", stored.touched)
        begin(connection, *args)

    world.tags.computations.begin = order_first
    assert world.run().failures == {}
    assert world.values("orders") == {"orders": {1: 20_000, 2: 10_000, 3: 10_000}}


def test_an_event_computes_what_its_type_may_change_and_during_a_run_everything(world):
    world.store(world.person(1, 1), world.event(1, "view_item", world.ago(days=1), item_id="a"))
    world.define(
        ORDERS,
        "{tag_id: views, name: x, type: number, statistic: COUNT(view_item)}",
        "{tag_id: buys_much, name: x, type: bool, layered_rule: {layers: [{when: orders >= 2, then: true}]}}",
    )
    world.store(world.event(1, "order_paid", world.ago(hours=2), amount=1))
    world.store(world.event(1, "order_paid", world.ago(hours=1), amount=1))
    assert world.values() == {"orders": {1: 20_000}, "buys_much": {1: True}, "views": {}}
    world.database.write_now(world.tags.computations.begin, "t1", "c1")
    world.store(world.event(1, "order_paid", world.ago(minutes=1), amount=1))
    assert world.values("orders", "views") == {"orders": {1: 30_000}, "views": {1: 10_000}}


def test_before_the_day_rolls_a_run_stands_at_yesterday_where_the_stream_does(world):
    world.define(
        ORDERS, "{tag_id: today, name: x, type: number, statistic: COUNT(order_paid) IN LAST 1 DAYS}"
    )
    world.store(world.person(1, 1))
    world.clock.advance(dt.timedelta(hours=13))
    world.store(world.event(1, "order_paid", world.ago(minutes=1), amount=1))
    streamed = world.values()
    assert streamed == {"orders": {1: 10_000}, "today": {1: 0}}
    world.run()
    assert world.values() == streamed


def test_a_run_brings_what_the_stream_derives_from_it(world):
    """New cuts move classes of persons to whom nothing happens, and with them the tags that rest on classes."""
    world.define(
        RFM,
        """{tag_id: best, name: x, type: bool,
            layered_rule: {layers: [{when: rfm = 'key_value', then: true}], otherwise: false}}""",
    )
    shop(world)
    assert world.values("best") == {"best": {1: False, 2: False, 3: False}}
    run = world.run("rfm")
    assert run.coverage == {"best": 3, "rfm": 2}
    assert world.values("best") == {"best": {1: True, 2: False, 3: False}}


def test_a_run_of_a_tag_that_was_made_anew_meanwhile_is_overtaken(world, monkeypatch):
    """Deleted and created again a tag begins at version 1 once more, with another meaning."""
    shop(world)
    world.define(ORDERS)
    publish = world.compute._publish

    def made_anew(*args):
        monkeypatch.undo()
        world.define_only(SPENT)
        world.define(ORDERS.replace("type: number, statistic: COUNT(order_paid)", CHANNELS))
        return publish(*args)

    monkeypatch.setattr(world.compute, "_publish", made_anew)
    run = world.run()
    assert run.failures == {"orders": OVERTAKEN}
    assert world.values("orders") == {"orders": {}}


async def test_events_in_files_keep_their_properties_however_many_types_are_asked(small_world):
    """A scan of many types at once gives rows in another order than one of a single type."""
    world = small_world()
    everything = " + ".join(f"COUNT({each})" for each in sorted(world.dictionary.events)[:30])
    world.define(SPENT, f"{{tag_id: all_events, name: x, type: number, statistic: {everything}}}")
    world.store(*(world.person(each, each) for each in range(1, 21)))
    told = [(hour, key) for hour in range(10) for key in range(1, 21)]
    world.store(
        *(
            world.event(key, "order_paid", world.ago(hours=(key * 7 + hour * 67) % 720), amount=key + hour)
            for hour, key in told
        )
    )
    before = world.values()
    folder = LakeFolder(world.folder / "lake", LakeColumns(world.dictionary))
    await FlushLake(world.database, SqlManifest(), world.facts.tenants, folder).flush("t1")
    world.run(everybody=True)
    assert world.values() == before
