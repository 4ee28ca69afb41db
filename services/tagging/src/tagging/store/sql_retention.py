"""Retention, and the horizon that every reader of events goes by."""

from collections.abc import Mapping
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.retention import EventHorizon
from tagging.store.sql_key_owners import owners_of_keys
from tagging.store.sql_lists import pieces

ALL_TYPES = ""
NOTHING_EXPIRED = EventHorizon()


class SqlEventRetention:
    """EventRetention over the tables `event_retention`, `event_horizon` and `event`."""

    def by_type(self, connection: Connection, tenant: str) -> dict[str, int]:
        rows = execute(
            connection, "SELECT type, days FROM event_retention WHERE tenant = ? ORDER BY type", (tenant,)
        )
        return {row[0]: row[1] for row in rows}

    def put(self, connection: Connection, tenant: str, by_type: Mapping[str, int]) -> bool:
        if self.by_type(connection, tenant) == by_type:
            return False
        execute(connection, "DELETE FROM event_retention WHERE tenant = ?", (tenant,))
        execute_many(
            connection,
            "INSERT INTO event_retention (tenant, type, days) VALUES (?, ?, ?)",
            [(tenant, event_type, days) for event_type, days in sorted(by_type.items())],
        )
        return True

    def horizon(self, connection: Connection, tenant: str) -> EventHorizon:
        return horizon_of(connection, tenant)

    def raise_horizon(self, connection: Connection, tenant: str, horizon: EventHorizon) -> None:
        rows = [(ALL_TYPES, horizon.from_us), *sorted(horizon.by_type.items())]
        execute_many(
            connection,
            "INSERT INTO event_horizon (tenant, type, from_us) VALUES (?, ?, ?) "
            "ON CONFLICT (tenant, type) DO UPDATE SET from_us = excluded.from_us",
            [(tenant, event_type, from_us) for event_type, from_us in rows],
        )

    def owners_between(
        self, connection: Connection, tenant: str, before: EventHorizon, after: EventHorizon
    ) -> list[int]:
        still, bounds = counting(before)
        keys: set[int] = set()
        for condition, values in _expired(after):
            rows = execute(
                connection,
                f"SELECT DISTINCT anchor_key_id FROM event WHERE tenant = ? AND {condition}{still}",
                [tenant, *values, *bounds],
            )
            keys.update(row[0] for row in rows)
        owners = owners_of_keys(connection, tenant, sorted(keys))
        return sorted({person_id for person_id in owners.values() if person_id})

    def remove(self, connection: Connection, tenant: str, limit: int) -> int:
        found: list[int] = []
        for condition, values in _expired(horizon_of(connection, tenant)):
            rows = execute(
                connection,
                f"SELECT ingest_sequence FROM event WHERE tenant = ? AND {condition} LIMIT ?",
                [tenant, *values, limit - len(found)],
            )
            found += [row[0] for row in rows]
            if len(found) == limit:
                break
        for piece, marks in pieces(found):
            execute(
                connection,
                f"DELETE FROM event WHERE tenant = ? AND ingest_sequence IN ({marks})",
                [tenant, *piece],
            )
        return len(found)


def horizon_of(connection: Connection, tenant: str) -> EventHorizon:
    """The tenant's horizon."""
    rows = execute(connection, "SELECT type, from_us FROM event_horizon WHERE tenant = ?", (tenant,)).all()
    if not rows:
        return NOTHING_EXPIRED
    found = {row[0]: row[1] for row in rows}
    return EventHorizon(found.pop(ALL_TYPES), found)


def counting(horizon: EventHorizon) -> tuple[str, list[Any]]:
    """A further condition, " AND ...", for rows of `event` that count; "" when all do."""
    if horizon == NOTHING_EXPIRED:
        return "", []
    cases = "".join(" WHEN ? THEN ?" for _ in horizon.by_type)
    bounds = [part for pair in sorted(horizon.by_type.items()) for part in pair]
    if not cases:
        return " AND time_us >= ?", [horizon.from_us]
    return f" AND time_us >= CASE type{cases} ELSE CAST(? AS BIGINT) END", [*bounds, horizon.from_us]


def _expired(horizon: EventHorizon) -> list[tuple[str, list[Any]]]:
    """Conditions that rows of `event` that do not count fulfil one of; each has an index on time."""
    own = sorted(horizon.by_type)
    but = f" AND type NOT IN ({', '.join('?' * len(own))})" if own else ""
    return [
        ("time_us < ?" + but, [horizon.from_us, *own]),
        *(("time_us < ? AND type = ?", [horizon.by_type[each], each]) for each in own),
    ]
