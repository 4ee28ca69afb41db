"""SuppressionList on SQLite and PostgreSQL."""

from collections.abc import Collection, Sequence
from typing import Any

from activation.domain.suppression import Scope, Suppression
from activation.store.locking import among, hold_rules
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

_COLUMNS = "dest_hash, scope, name, every_class, reason, since_us, subject"


class SqlSuppressionList:
    """Implements SuppressionList."""

    def add(self, connection: Connection, tenant: str, entries: Sequence[Suppression]) -> None:
        if not entries:
            return
        hold_rules(connection, tenant, shared=False)
        rows = [
            (
                tenant,
                each.dest_hash,
                each.scope.value,
                each.name,
                int(each.every_class),
                each.reason,
                microseconds(each.since),
                each.subject,
            )
            for each in sorted(entries, key=lambda each: (each.dest_hash, each.scope, each.name))
        ]
        execute_many(
            connection,
            f"INSERT INTO suppression (tenant, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
            "ON CONFLICT (tenant, dest_hash, scope, name) DO UPDATE SET every_class = 1 "
            "WHERE excluded.every_class = 1",
            rows,
        )

    def remove(
        self, connection: Connection, tenant: str, dest_hashes: Collection[str], scope: Scope, name: str
    ) -> int:
        hashes = sorted(set(dest_hashes))
        if not hashes:
            return 0
        listed, values = among(connection, hashes)
        return execute(
            connection,
            f"DELETE FROM suppression WHERE tenant = ? AND dest_hash {listed} AND scope = ? AND name = ?",
            (tenant, *values, scope.value, name),
        ).rowcount

    def of(self, connection: Connection, tenant: str, dest_hashes: Collection[str]) -> list[Suppression]:
        hashes = sorted(set(dest_hashes))
        if not hashes:
            return []
        listed, values = among(connection, hashes)
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM suppression WHERE tenant = ? AND dest_hash {listed}",
            (tenant, *values),
        )
        return [_suppression(row) for row in rows]

    def page(
        self, connection: Connection, tenant: str, after: tuple[str, str, str], limit: int
    ) -> list[Suppression]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM suppression WHERE tenant = ? AND (dest_hash, scope, name) > (?, ?, ?) "
            "ORDER BY dest_hash, scope, name LIMIT ?",
            (tenant, *after, limit),
        )
        return [_suppression(row) for row in rows]


def _suppression(row: tuple[Any, ...]) -> Suppression:
    return Suppression(
        dest_hash=row[0],
        scope=Scope(row[1]),
        name=row[2],
        every_class=bool(row[3]),
        reason=row[4],
        since=moment(row[5]),
        subject=row[6],
    )
