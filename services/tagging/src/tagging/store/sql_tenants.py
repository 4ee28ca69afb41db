"""Tenants, their settings and their day."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any

from rules.calendars import Holiday, Year
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.columns import day_of, days
from tagging.domain.tenants import CalendarPeriod, Tenant, TenantSettings
from tagging.store.sql_counters import ensure_counters


class SqlTenants:
    """Tenants over the table `tenant`."""

    def lock(self, connection: Connection, tenant: str) -> None:
        ensure_counters(connection, tenant)
        execute(connection, "UPDATE fact_counter SET arrival = arrival WHERE tenant = ?", (tenant,))

    def get(self, connection: Connection, tenant: str) -> Tenant | None:
        row = execute(
            connection, "SELECT tenant, day, settings FROM tenant WHERE tenant = ?", (tenant,)
        ).one_or_none()
        return _tenant(row) if row is not None else None

    def all(self, connection: Connection) -> list[Tenant]:
        rows = execute(connection, "SELECT tenant, day, settings FROM tenant ORDER BY tenant")
        return sorted(map(_tenant, rows), key=lambda tenant: tenant.name)

    def ensure(self, connection: Connection, tenant: str, now: dt.datetime) -> Tenant:
        known = self.get(connection, tenant)
        if known is not None:
            return known
        settings = TenantSettings()
        made = Tenant(tenant, settings.calendar.day_of(now), settings)
        execute(
            connection,
            "INSERT INTO tenant (tenant, day, settings) VALUES (?, ?, ?)",
            (tenant, days(made.day), _settings_text(settings)),
        )
        return made

    def put_settings(self, connection: Connection, tenant: str, settings: TenantSettings) -> bool:
        text = _settings_text(settings)
        changed = execute(
            connection,
            "UPDATE tenant SET settings = ? WHERE tenant = ? AND settings <> ?",
            (text, tenant, text),
        )
        return changed.rowcount > 0

    def set_day(self, connection: Connection, tenant: str, day: dt.date) -> None:
        execute(connection, "UPDATE tenant SET day = ? WHERE tenant = ?", (days(day), tenant))


def _tenant(row: Sequence[Any]) -> Tenant:
    name, day, text = row
    return Tenant(name, day_of(day), settings_of(text))


def settings_of(text: str) -> TenantSettings:
    """As stored."""
    said = json.loads(text)
    said["periods"] = tuple(CalendarPeriod(*period) for period in said["periods"])
    said["years"] = tuple(map(_year, said.get("years", ())))
    return TenantSettings(**said)


def _year(said: Sequence[Any]) -> Year:
    number, holidays, worked = said
    return Year(
        number,
        tuple(Holiday(name, day_of(first), day_of(last)) for name, first, last in holidays),
        tuple(map(day_of, worked)),
    )


def _settings_text(settings: TenantSettings) -> str:
    return json.dumps(
        {
            "time_zone": settings.time_zone,
            "week_start": settings.week_start,
            "currency": settings.currency,
            "periods": [[period.name, period.start, period.end] for period in settings.periods],
            "event_retention_days": settings.event_retention_days,
            "years": [
                [
                    year.year,
                    [[each.name, days(each.first), days(each.last)] for each in year.holidays],
                    [days(each) for each in year.worked],
                ]
                for year in settings.years
            ],
        },
        ensure_ascii=False,
    )
