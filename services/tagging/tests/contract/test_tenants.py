"""The contract of Tenants, on each store."""

import datetime as dt

from rules.calendars import Holiday, Year
from servicekit.database import Database
from tagging.domain.tenants import CalendarPeriod, Tenant, TenantSettings
from tagging.store.sql_tenants import SqlTenants

EVENING = dt.datetime(2026, 5, 1, 20, tzinfo=dt.UTC)


def test_a_new_tenant_starts_with_defaults_at_its_own_day(database: Database) -> None:
    tenants = SqlTenants()
    assert database.read_now(tenants.get, "t1") is None
    made = database.write_now(tenants.ensure, "t1", EVENING)
    assert made == Tenant("t1", dt.date(2026, 5, 2), TenantSettings())
    assert database.write_now(tenants.ensure, "t1", EVENING + dt.timedelta(days=3)) == made
    database.write_now(tenants.ensure, "a", EVENING)
    assert [tenant.name for tenant in database.read_now(tenants.all)] == ["a", "t1"]


def test_settings_and_day_are_kept(database: Database) -> None:
    tenants = SqlTenants()
    period = CalendarPeriod("双11", "2026-11-01", "2026-11-12T00:00+01:00")
    holiday = Holiday("été", dt.date(2026, 7, 13), dt.date(2026, 7, 14))
    year = Year(2026, (holiday,), (dt.date(2026, 7, 18),))
    said = TenantSettings("Europe/Paris", 7, "EUR", (period,), 30, (year,))
    assert not database.write_now(tenants.put_settings, "t1", said)
    database.write_now(tenants.ensure, "t1", EVENING)
    assert database.write_now(tenants.put_settings, "t1", said)
    assert not database.write_now(tenants.put_settings, "t1", said)
    database.write_now(tenants.set_day, "t1", dt.date(2026, 5, 9))
    database.write_now(tenants.lock, "t1")
    stored = database.read_now(tenants.get, "t1")
    assert stored == Tenant("t1", dt.date(2026, 5, 9), said)
    assert stored.settings.calendar is said.calendar
    assert {"双11", "été-2026", "618-2026"} <= said.calendar.periods.names
    assert said.calendar.workdays.is_workday(dt.date(2026, 10, 1)) is True, (
        "its year stands in for the shipped one"
    )
