"""The contracts of Tenants and ReferenceTables, on each store."""

import datetime as dt

from servicekit.database import Database
from tagging.domain.tenants import CalendarPeriod, Tenant, TenantSettings
from tagging.store.sql_references import SqlReferenceTables
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


def test_rows_replace_each_other_whole_and_what_is_kept_in_memory_follows(database: Database) -> None:
    references = SqlReferenceTables()
    first = {"s1": {"city": "上海", "opened_on": dt.date(2020, 1, 2)}, "s2": {"city": "x"}}
    assert database.write_now(references.put, "t1", "stores", first) == 2
    assert database.read_now(references.rows, "t1", ["stores", "items"]) == {"stores": first, "items": {}}
    second = {"s1": {"region": "east"}, "s2": {"city": "x"}}
    assert database.write_now(references.put, "t1", "stores", second) == 1
    assert database.read_now(references.rows, "t1", ["stores"]) == {"stores": second}
    assert database.read_now(references.rows, "t2", ["stores"]) == {"stores": {}}
    assert database.read_now(lambda connection: list(references.each(connection, "t1", "stores"))) == [
        ("s1", {"region": "east"}),
        ("s2", {"city": "x"}),
    ]
    assert database.read_now(references.counts, "t1") == {"stores": 2}


def test_more_rows_than_one_statement_takes_are_stored(database: Database) -> None:
    references = SqlReferenceTables()
    many = {f"i{number:04d}": {"price": number} for number in range(1_234)}
    assert database.write_now(references.put, "t1", "items", many) == 1_234
    assert database.write_now(references.put, "t1", "items", many) == 0
    assert database.read_now(references.rows, "t1", ["items"]) == {"items": many}
