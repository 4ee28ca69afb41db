"""A tenant's calendar: what DURING and is_workday mean, and what follows when it changes."""

import datetime as dt

import pytest
from rules.calendars import Holiday, Year
from servicekit.revision import Lane, Revision
from tagging.app.apply_changes import ApplyChanges
from tagging.app.keep_current import KeepCurrent
from tagging.domain.facts import Fact
from tagging.domain.tenants import CalendarPeriod, TenantSettings
from tagging.errors import RuleInvalid

pytestmark = pytest.mark.usefixtures("kept_queries")

SPRING = "{tag_id: spring, name: x, type: number, statistic: COUNT(view_item) DURING 'spring-festival-2026'}"
SALE = "{tag_id: sale, name: x, type: number, statistic: COUNT(view_item) DURING 'sale'}"
WORKED = "{tag_id: worked, name: x, type: number, statistic: COUNT(view_item WHERE is_workday)}"
EVENING = CalendarPeriod("sale", "2026-03-04T20:00", "2026-03-05T00:00:00+08:00")
MARCH = (Year(2026, (Holiday("founders-day", dt.date(2026, 3, 4), dt.date(2026, 3, 4)),)),)


@pytest.fixture
def said(world):
    """Tells the settings of the tenant, and computes whom they leave stale."""
    world.settle_facts()
    apply = ApplyChanges(world.facts, world.changelog, world.clock.now, world.recompute)
    parts = (world.facts, world.tags, world.columns)
    current = KeepCurrent(
        world.database, world.changelog, *parts, world.recompute, world.compute, world.clock
    )

    def tell(settings, position):
        through = Revision("identity", "0" * 16).at(Lane.LIVE, position)
        world.database.write_now(apply, [Fact(world.tenant, position, settings)], Lane.LIVE, through)
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
    said(TenantSettings(periods=(longer,), years=MARCH), 3)
    assert world.values("sale") == {"sale": {1: 30_000}}
    day = [each.day for each in world.changes() if each.HasField("day")][-1]
    assert {"sale", "founders-day-2026", "double11-2026"} <= set(day.periods)


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
