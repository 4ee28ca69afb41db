"""Audit on SQLAlchemy; contract in privacy_ports.py."""

from collections.abc import Collection, Sequence
from typing import Any

from servicekit.driver_sql import execute
from sqlalchemy import Connection

from identity.domain.audit_chain import GENESIS, AuditRow, ChainedRow, ChainEnd, next_row
from identity.store.batches import pack_ids, unpack_ids

_COLUMNS = "sequence, subject, action, reason, details, person_ids, time_us, machine_time_us, hash"
SCANNED_ROWS = 1_000
"""Rows read at a time when only those about some persons are asked for."""


class SqlAudit:
    """Audit. The chain's end is a row of its own, whose lock makes writers take turns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, tenant: str, row: AuditRow) -> ChainedRow:
        execute(
            self._connection,
            "INSERT INTO audit_ends (tenant, sequence, hash) VALUES (?, 0, ?) ON CONFLICT (tenant) DO NOTHING",
            (tenant, GENESIS),
        )
        chained = next_row(self._end(tenant, lock=True), tenant, row)
        execute(
            self._connection,
            f"INSERT INTO audit (tenant, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                tenant,
                chained.sequence,
                row.subject,
                row.action,
                row.reason,
                row.details,
                pack_ids(row.person_ids),
                row.time_us,
                row.machine_time_us,
                chained.hash,
            ),
        )
        execute(
            self._connection,
            "UPDATE audit_ends SET sequence = ?, hash = ? WHERE tenant = ?",
            (chained.sequence, chained.hash, tenant),
        )
        return chained

    def end(self, tenant: str) -> ChainEnd:
        return self._end(tenant, lock=False)

    def page(
        self,
        tenant: str,
        after: int,
        limit: int,
        *,
        action: str = "",
        subject: str = "",
        person_ids: Collection[int] = (),
    ) -> Sequence[ChainedRow]:
        found: list[ChainedRow] = []
        wanted = set(person_ids)
        size = SCANNED_ROWS if wanted else limit
        while len(found) < limit:
            rows = self._page(tenant, after, size, action, subject)
            found += [row for row in rows if not wanted or not wanted.isdisjoint(row.row.person_ids)]
            if len(rows) < size:
                break
            after = rows[-1].sequence
        return found[:limit]

    def _page(self, tenant: str, after: int, limit: int, action: str, subject: str) -> list[ChainedRow]:
        sql = f"SELECT {_COLUMNS} FROM audit WHERE tenant = ? AND sequence > ?"
        parameters: list[Any] = [tenant, after]
        for column, wanted in (("action", action), ("subject", subject)):
            if wanted:
                sql += f" AND {column} = ?"
                parameters.append(wanted)
        rows = execute(self._connection, f"{sql} ORDER BY sequence LIMIT ?", (*parameters, limit))
        return [
            ChainedRow(
                row[0],
                AuditRow(row[1], row[2], row[3], row[4], unpack_ids(row[5]), row[6], row[7]),
                bytes(row[8]),
            )
            for row in rows
        ]

    def _end(self, tenant: str, *, lock: bool) -> ChainEnd:
        sql = "SELECT sequence, hash FROM audit_ends WHERE tenant = ?"
        if lock and self._connection.dialect.name == "postgresql":
            sql += " FOR UPDATE"
        row = execute(self._connection, sql, (tenant,)).one_or_none()
        return ChainEnd() if row is None else ChainEnd(row[0], bytes(row[1]))
