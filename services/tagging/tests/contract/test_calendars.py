"""A tenant's calendar: what DURING and is_workday mean, and what follows when it changes."""

import datetime as dt
from contextlib import contextmanager
from dataclasses import replace

import pytest
from rules.calendars import Holiday, Year
from servicekit.revision import Lane, Revision
from tagging.app.apply_changes import ApplyChanges
from tagging.app.features import KeepFeatures, SetRequiredFeatures
from tagging.app.keep_current import KeepCurrent
from tagging.app.restart_features import RestartFeatures
from tagging.domain.facts import Fact
from tagging.domain.tenants import CalendarPeriod, TenantSettings
from tagging.errors import RuleInvalid
from tagging.store.tag_ports import FeatureState

pytestmark = pytest.mark.usefixtures("kept_queries")

SPRING = "{tag_id: spring, name: x, type: number, statistic: COUNT(view_item) DURING 'spring-festival-2026'}"
SALE = "{tag_id: sale, name: x, type: number, statistic: COUNT(view_item) DURING 'sale'}"
WORKED = "{tag_id: worked, name: x, type: number, statistic: COUNT(view_item WHERE is_workday)}"
EVENING = CalendarPeriod("sale", "2026-03-04T20:00", "2026-03-05T00:00:00+08:00")
MARCH = (Year(2026, (Holiday("founders-day", dt.date(2026, 3, 4), dt.date(2026, 3, 4)),)),)


DURING_SALE = "COUNT(view_item) DURING 'sale'"


@pytest.fixture
def told(world):
    """Tells the settings of the tenant; what follows from them later waits."""
    world.settle_facts()
    follow = RestartFeatures(world.tags, world.columns)
    apply = ApplyChanges(world.facts, world.changelog, world.clock.now, world.recompute, follow)

    def tell(settings, position):
        through = Revision("identity", "0" * 16).at(Lane.LIVE, position)
        world.database.write_now(apply, [Fact(world.tenant, position, settings)], Lane.LIVE, through)

    return tell


@pytest.fixture
def said(world, told):
    """Tells the settings of the tenant, and computes whom they leave stale."""
    parts = (world.facts, world.tags, world.columns)
    current = KeepCurrent(
        world.database, world.changelog, *parts, world.recompute, world.compute, world.clock
    )

    def tell(settings, position):
        told(settings, position)
        while current.recompute_stale():
            pass

    return tell


def viewed(world, *local):
    """Views of person 1 at times of Shanghai."""
    world.store(world.person(1, 1))
    zone = dt.timezone(dt.timedelta(hours=8))
    times = (dt.datetime.fromisoformat(each).replace(tzinfo=zone) for each in local)
    world.store(*(world.event(1, "view_item", each) for each in times))


def test_the_shipped_calendar_holds_for_everybody(world):
    world.define(SPRING, WORKED)
    viewed(world, "2026-02-14T23:59", "2026-02-15T00:00", "2026-02-23T23:59", "2026-02-24T00:00")
    assert world.values() == {"spring": {1: 20_000}, "worked": {1: 20_000}}
    world.run(everybody=True)
    assert world.values() == {"spring": {1: 20_000}, "worked": {1: 20_000}}
    with pytest.raises(RuleInvalid, match="'spring-festival-2026'"):
        world.define(
            "{tag_id: x, name: x, type: bool, statistic: DID view_item DURING 'spring-festival-2062'}"
        )


def test_values_follow_a_changed_calendar(world, said):
    viewed(world, "2026-03-04T19:59", "2026-03-04T20:00", "2026-03-05T00:00")
    said(TenantSettings(periods=(EVENING,)), 1)
    world.define(SPRING, SALE, WORKED)
    world.run()
    assert world.values() == {"spring": {1: 0}, "sale": {1: 10_000}, "worked": {1: 30_000}}
    said(TenantSettings(periods=(EVENING,), years=MARCH), 2)
    assert world.values("sale", "worked") == {"sale": {1: 10_000}, "worked": {1: 10_000}}
    longer = CalendarPeriod("sale", "2026-03-04", "2026-03-06")
    coming = CalendarPeriod("coming", "2026-04-01", "2026-04-02")
    said(TenantSettings(periods=(longer, coming), years=MARCH), 3)
    assert world.values("sale") == {"sale": {1: 30_000}}
    day = [each.day for each in world.changes() if each.HasField("day")][-1]
    starts = dict(zip(day.periods, day.period_start_times, strict=True))
    assert {"founders-day-2026", "double11-2026"} <= set(starts)
    assert starts["sale"].ToDatetime(dt.UTC) == dt.datetime(2026, 3, 3, 16, tzinfo=dt.UTC)
    (warning,) = world.define(SALE, SALE.replace("sale", "coming")).warnings
    assert warning.startswith("DURING 'coming' lies ahead: it begins at 2026-04-01T00:00+08:00")


def test_a_stored_period_beyond_the_years_of_utc_holds(world, said):
    viewed(world, "2026-03-04T19:59")
    said(TenantSettings(periods=(CalendarPeriod("sale", "0001-01-01T00:00:00", "9999-12-31T23:59:59"),)), 1)
    world.define(SALE)
    run = world.run()
    assert (run.failures, world.values("sale")) == ({}, {"sale": {1: 10_000}})
    viewed(world, "2026-03-04T20:00")
    assert world.values("sale") == {"sale": {1: 20_000}}


def test_a_column_whose_period_is_gone_is_broken_and_comes_back(world, said):
    viewed(world, "2026-03-04T20:00")
    said(TenantSettings(periods=(EVENING,)), 1)
    world.define(SALE)
    said(TenantSettings(), 2)
    plan = world.database.read_now(world.columns.of, world.tenant)
    assert "no period 'sale'" in plan.broken["sale"]
    said(TenantSettings(periods=(EVENING,)), 3)
    assert world.database.read_now(world.columns.of, world.tenant).broken == {}
    run = world.run()
    assert (run.failures, world.values("sale")) == ({}, {"sale": {1: 10_000}})


@pytest.fixture
def keep(world):
    return KeepFeatures(
        world.database, world.changelog, world.tags, world.columns, world.compute, world.clock
    )


def require(world, keep, *forms):
    """Columns of the forms, which are live."""
    required = SetRequiredFeatures(world.facts, world.tags, world.columns, world.changelog, world.clock)
    features, _ = world.database.write_now(required, world.tenant, "segments", forms)
    while keep.backfill():
        pass
    assert {*states(world).values()} == {FeatureState.LIVE}
    return [each.column for each in features]


def states(world):
    features = world.database.read_now(world.tags.features.all, world.tenant)
    return {each.column: each.state for each in features.values()}


def told_of(world, after):
    """(column, state) of features in the changelog."""
    changes = [each.feature for each in world.changes(after=after) if each.HasField("feature")]
    return [(each.column, FeatureState(each.state)) for each in changes]


def test_a_feature_of_a_moved_period_waits_from_the_settings_on_until_everybody_is_computed(
    world, told, keep
):
    viewed(world, "2026-03-04T19:59", "2026-03-04T20:00", "2026-03-05T00:00")
    told(TenantSettings(periods=(EVENING,)), 1)
    sale, views = require(world, keep, DURING_SALE, "COUNT(view_item)")
    assert world.values(sale) == {sale: {1: 10_000}}
    before = world.position
    longer = TenantSettings(periods=(CalendarPeriod("sale", "2026-03-04", "2026-03-06"),))
    told(longer, 2)
    assert states(world) == {sale: FeatureState.BACKFILLING, views: FeatureState.LIVE}
    assert told_of(world, before) == [(sale, FeatureState.BACKFILLING)] * 2, "in either lane"
    before = world.position
    assert keep.backfill()
    assert (states(world)[sale], world.values(sale)) == (FeatureState.LIVE, {sale: {1: 30_000}})
    assert told_of(world, before) == [(sale, FeatureState.LIVE)]
    assert world.changes()[-1].HasField("feature"), "the values come first"
    before = world.position
    told(replace(longer, currency="EUR"), 3)
    assert told_of(world, before) == []
    told(replace(longer, time_zone="Asia/Tokyo"), 4)
    assert {*states(world).values()} == {FeatureState.BACKFILLING}, "days and hours may be others"


def test_a_feature_over_a_tag_of_a_moved_period_is_live_with_the_values_of_both(world, told, keep):
    viewed(world, "2026-03-04T19:59", "2026-03-04T20:00")
    told(TenantSettings(periods=(EVENING,)), 1)
    world.define(SALE)
    world.run()
    (column,) = require(world, keep, "COUNT(view_item) > sale")
    assert world.values(column) == {column: {1: True}}
    told(TenantSettings(periods=(CalendarPeriod("sale", "2026-03-04", "2026-03-06"),)), 2)
    assert states(world) == {column: FeatureState.BACKFILLING}
    keep.backfill()
    assert states(world) == {column: FeatureState.LIVE}
    assert world.values(column, "sale") == {column: {1: False}, "sale": {1: 20_000}}


def test_a_feature_is_not_live_by_a_calendar_that_changed_while_it_was_computed(
    world, told, keep, monkeypatch
):
    viewed(world, "2026-03-04T19:59", "2026-03-04T20:00")
    told(TenantSettings(periods=(EVENING,)), 1)
    (sale,) = require(world, keep, DURING_SALE)
    told(TenantSettings(periods=(CalendarPeriod("sale", "2026-03-01", "2026-03-02"),)), 2)
    snapshot = world.everybody.snapshot

    @contextmanager
    def overtaken(*args):
        with snapshot(*args) as found:
            monkeypatch.undo()
            told(TenantSettings(periods=(CalendarPeriod("sale", "2026-03-04", "2026-03-06"),)), 3)
            yield found

    monkeypatch.setattr(world.everybody, "snapshot", overtaken)
    keep.backfill()
    assert (states(world), world.values(sale)) == ({sale: FeatureState.BACKFILLING}, {sale: {1: 0}})
    keep.backfill()
    assert (states(world), world.values(sale)) == ({sale: FeatureState.LIVE}, {sale: {1: 20_000}})


def test_a_feature_whose_period_comes_back_starts_over(world, told, keep):
    viewed(world, "2026-03-04T20:00")
    told(TenantSettings(periods=(EVENING,)), 1)
    (sale,) = require(world, keep, DURING_SALE)
    told(TenantSettings(), 2)
    told(TenantSettings(periods=(EVENING,)), 3)
    assert states(world) == {sale: FeatureState.BACKFILLING}
    told(TenantSettings(), 4)
    keep.backfill()
    assert states(world) == {sale: FeatureState.FAILED}
    told(TenantSettings(periods=(EVENING,)), 5)
    keep.backfill()
    assert (states(world), world.values(sale)) == ({sale: FeatureState.LIVE}, {sale: {1: 10_000}})
