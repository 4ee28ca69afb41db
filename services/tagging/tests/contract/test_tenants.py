"""The contract of Tenants, on each store."""

import datetime as dt

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
    said = TenantSettings("Europe/Paris", 7, "EUR", (CalendarPeriod("双11", "2026-11-01", "2026-11-12"),), 30)
    assert not database.write_now(tenants.put_settings, "t1", said)
    database.write_now(tenants.ensure, "t1", EVENING)
    assert database.write_now(tenants.put_settings, "t1", said)
    assert not database.write_now(tenants.put_settings, "t1", said)
    database.write_now(tenants.set_day, "t1", dt.date(2026, 5, 9))
    database.write_now(tenants.lock, "t1")
    assert database.read_now(tenants.get, "t1") == Tenant("t1", dt.date(2026, 5, 9), said)
