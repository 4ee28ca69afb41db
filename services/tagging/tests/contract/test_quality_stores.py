"""The contracts of measurements, alerts, activities, marks and the moments of values, on every store."""

import datetime as dt
from dataclasses import replace

from tagging.domain.quality.alerts import AlertKind, Finding
from tagging.domain.quality.distribution import BinnedCounts, NamedCounts
from tagging.domain.quality.measurement import (
    Agreement,
    Cost,
    Drift,
    Freshness,
    Measurement,
    Use,
    Validity,
)
from tagging.domain.quality.rules import QualityRules
from tagging.domain.quality.score import score
from tagging.domain.quality.usage import Activity
from tagging.quality_wiring import quality_stores
from tagging.store.quality_ports import Mark, Scored

NOW = dt.datetime(2026, 3, 10, 4, 5, 6, 7, tzinfo=dt.UTC)
DAY = dt.timedelta(days=1)
STORES = quality_stores()
WHOLE = Measurement(
    "orders",
    2,
    NOW,
    population=10,
    known_count=9,
    distribution=BinnedCounts((1, 5), (2, 3, 4)),
    freshness=Freshness(NOW - DAY, 26, NOW - 2 * DAY),
    drift=Drift(405, NOW - DAY, None, NOW - 31 * DAY),
    previous_known=8,
    volatility=120,
    validity=Validity(9, 1, {"most": 1}),
    agreement=Agreement(9, 2),
    use=Use(7, dt.date(2026, 3, 9), False, 1, 2, 3),
    cost=Cost(5, 6, 7, 8),
    run_id="r1",
    unseen_events=("check_in",),
    seen_events=3,
    warnings=("no rule",),
    measured_ms=12,
)


def scored(measured, points=None):
    found = score(measured, QualityRules())
    return Scored(measured, found if points is None else replace(found, points=points))


def named(tag_id, time, points, version=1):
    counts = NamedCounts((("上海", 6), (True, 5)), 2, 4)
    return scored(Measurement(tag_id, version, time, 20, 13, counts), points)


def test_a_measurement_comes_back_as_it_went_in(database):
    kept = [scored(WHOLE), named("city", NOW, 40)]
    database.write_now(STORES.measurements.put, "t1", kept)
    found = database.read_now(STORES.measurements.latest, "t1", ["orders", "city", "none"])
    assert found == {each.measured.tag_id: each for each in kept}
    assert database.read_now(STORES.measurements.latest, "t2", ["orders"]) == {}


def test_measurements_are_listed_by_tag_and_by_time(database):
    put = STORES.measurements.put
    database.write_now(
        put, "t1", [named("a", NOW - each * DAY, 10 * each, 1 + (each < 2)) for each in range(4)]
    )
    database.write_now(put, "t1", [named("b", NOW, 90), named("b", NOW - DAY, 5), named("c", NOW, 50)])
    page = STORES.measurements.page

    def points(*args):
        return [(each.measured.tag_id, each.score.points) for each in database.read_now(page, "t1", *args)]

    assert points("", 9) == [("a", 0), ("b", 90), ("c", 50)]
    assert points("a", 1) == [("b", 90)]
    assert points("", 9, 50) == [("a", 0), ("c", 50)]
    history = database.read_now(STORES.measurements.history, "t1", "a", NOW, 2)
    assert [each.measured.time for each in history] == [NOW - DAY, NOW - 2 * DAY]
    standing = STORES.measurements.standing_at
    assert database.read_now(standing, "t1", "a", 1, NOW).time == NOW - 2 * DAY
    assert database.read_now(standing, "t1", "a", 2, NOW).time == NOW
    assert database.read_now(standing, "t1", "a", 2, NOW - 2 * DAY) is None


def test_measurements_go_one_by_one_or_with_their_tag(database):
    store = STORES.measurements
    database.write_now(store.put, "t1", [named("a", NOW - each * DAY, 1) for each in range(3)])
    database.write_now(store.put, "t1", [named("b", NOW, 1)])
    database.write_now(store.remove, "t1", "a", [NOW - DAY])
    assert database.read_now(store.times, "t1", "a") == [NOW - 2 * DAY, NOW]
    assert database.read_now(store.tag_ids, "t1") == {"a", "b"}
    database.write_now(store.drop, "t1", ["a", "gone"])
    assert database.read_now(store.tag_ids, "t1") == {"b"}


def test_alerts_are_numbered_open_and_close(database):
    store = STORES.alerts
    stale, fell = Finding(AlertKind.STALE, "old", 5, 2), Finding(AlertKind.FELL, "fewer", 1, 9)
    first, second = database.write_now(store.add, "t1", "a", [stale, fell], NOW)
    (third,) = database.write_now(store.add, "t1", "b", [stale], NOW)
    assert [each.number for each in (first, second, third)] == [1, 2, 3]
    assert database.write_now(store.add, "t1", "b", [], NOW) == []
    found = database.read_now(store.open, "t1")
    assert found == {"a": {AlertKind.STALE: first, AlertKind.FELL: second}, "b": {AlertKind.STALE: third}}
    assert database.read_now(store.open, "t1", ["b"]) == {"b": {AlertKind.STALE: third}}
    closed = replace(first, finding=replace(stale, detail="older"), seen=NOW + DAY, closed=NOW + 2 * DAY)
    database.write_now(store.put, "t1", [closed])

    def page(**said):
        return database.read_now(lambda connection: store.page(connection, "t1", **{"limit": 9, **said}))

    assert page() == [third, second]
    assert page(with_closed=True) == [third, second, closed]
    assert page(tag_id="a", with_closed=True, limit=1) == [second]
    assert page(before=3) == [second]
    assert database.read_now(store.open, "t2") == {}


def test_closed_alerts_are_forgotten_and_numbers_stay_used(database):
    store = STORES.alerts
    stale = Finding(AlertKind.STALE, "old")
    alerts = [database.write_now(store.add, "t1", each, [stale], NOW)[0] for each in "abc"]
    database.write_now(store.put, "t1", [replace(each, closed=NOW) for each in alerts])
    assert database.write_now(store.forget, "t1", NOW) == 0
    assert database.write_now(store.forget, "t1", NOW + DAY) == 2
    (again,) = database.write_now(store.add, "t1", "a", [stale], NOW)
    assert again.number == 4


def test_activity_adds_up_by_day(database):
    store = STORES.activities
    monday = dt.date(2026, 3, 9)
    database.write_now(store.add, "t1", monday, {"a": Activity(3, 1, 10, 100), "b": Activity(changes=5)})
    database.write_now(store.add, "t1", monday, {"a": Activity(4)})
    database.write_now(store.add, "t1", monday + DAY, {"a": Activity(changes=2)})
    assert database.read_now(store.since, "t1", monday) == {
        "a": Activity(7, 3, 10, 100),
        "b": Activity(changes=5),
    }
    assert database.read_now(store.since, "t1", monday + DAY) == {"a": Activity(changes=2)}
    assert database.read_now(store.since, "t1", monday, ["b"]) == {"b": Activity(changes=5)}
    assert database.read_now(store.last_reads, "t1") == {"a": monday}
    database.write_now(store.add, "t1", monday - DAY, {"a": Activity(1)})
    assert database.read_now(store.last_reads, "t1") == {"a": monday}
    assert database.write_now(store.trim, "t1", monday + DAY) == 3
    assert database.read_now(store.last_reads, "t1") == {"a": monday}
    database.write_now(store.drop, "t1", ["a"])
    assert database.read_now(store.last_reads, "t1") == {}
    assert database.read_now(store.since, "t1", monday) == {}


def test_a_mark_is_replaced(database):
    assert database.read_now(STORES.marks.get, "t1") is None
    first = Mark(3, NOW.date(), NOW.date() - DAY)
    database.write_now(STORES.marks.put, "t1", first)
    assert database.read_now(STORES.marks.get, "t1") == first
    later = Mark(4, NOW.date() + DAY, NOW.date() - DAY, 17, frozenset({"order_paid", "开单"}))
    database.write_now(STORES.marks.put, "t1", later)
    assert database.read_now(STORES.marks.get, "t1") == later


def test_values_are_as_old_as_the_oldest_block_or_the_latest_statement(world):
    world.define(
        "{tag_id: orders, name: x, type: number, update: run, statistic: COUNT(order_paid)}",
        "{tag_id: rank, name: x, type: number, imported: {}}",
    )
    world.store(world.person(1, 1), world.person(70_000, 2))
    read = world.database.read_now
    assert read(STORES.inputs.of_runs, world.tenant) == {}
    began = world.clock.now()
    world.run()
    assert read(STORES.inputs.of_runs, world.tenant)["orders"] == began
    assert read(STORES.inputs.latest_statement, world.tenant, "rank") is None
