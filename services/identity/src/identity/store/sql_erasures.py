"""Erasures on SQLAlchemy; contract in privacy_ports.py."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

from identity.store.batches import pack_ids, select_among, unpack_ids
from identity.store.privacy_rows import ErasureRow

_COLUMNS = "erasure_id, person_ids, key_ids, subject, reason, time_us, counts, position, scrubbed_us"


class SqlErasures:
    """Erasures."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def last(self, tenant: str) -> int:
        sql = "SELECT max(erasure_id) FROM erasures WHERE tenant = ?"
        return int(execute(self._connection, sql, (tenant,)).scalar_one() or 0)

    def add(self, tenant: str, row: ErasureRow, tombstones: Iterable[bytes]) -> None:
        execute(
            self._connection,
            f"INSERT INTO erasures (tenant, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (tenant, row.erasure_id, *_values(row)),
        )
        execute_many(
            self._connection,
            "INSERT INTO erased_persons (tenant, person_id, erasure_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(tenant, person_id, row.erasure_id) for person_id in row.person_ids],
        )
        execute_many(
            self._connection,
            "INSERT INTO tombstones (tenant, hash, erasure_id) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            [(tenant, hash_, row.erasure_id) for hash_ in tombstones],
        )

    def update(self, tenant: str, row: ErasureRow) -> None:
        execute(
            self._connection,
            "UPDATE erasures SET person_ids = ?, key_ids = ?, subject = ?, reason = ?, time_us = ?, counts = ?, "
            "position = ?, scrubbed_us = ? WHERE tenant = ? AND erasure_id = ?",
            (*_values(row), tenant, row.erasure_id),
        )

    def get(self, tenant: str, erasure_id: int) -> ErasureRow | None:
        rows = self._rows("tenant = ? AND erasure_id = ?", (tenant, erasure_id))
        return rows[0] if rows else None

    def of_person(self, tenant: str, person_id: int) -> ErasureRow | None:
        row = execute(
            self._connection,
            "SELECT erasure_id FROM erased_persons WHERE tenant = ? AND person_id = ?",
            (tenant, person_id),
        ).one_or_none()
        return None if row is None else self.get(tenant, row[0])

    def page(self, tenant: str, after: int, limit: int) -> Sequence[ErasureRow]:
        return self._rows("tenant = ? AND erasure_id > ? ORDER BY erasure_id LIMIT ?", (tenant, after, limit))

    def unscrubbed(self, limit: int) -> Sequence[tuple[str, ErasureRow]]:
        rows = execute(
            self._connection,
            f"SELECT tenant, {_COLUMNS} FROM erasures WHERE scrubbed_us = 0 ORDER BY tenant, erasure_id LIMIT ?",
            (limit,),
        )
        return [(row[0], _row(row[1:])) for row in rows]

    def tombstoned(self, tenant: str, tombstones: Collection[bytes]) -> set[bytes]:
        sql = "SELECT hash FROM tombstones WHERE tenant = ?"
        return {bytes(row[0]) for row in select_among(self._connection, sql, (tenant,), "hash", tombstones)}

    def tombstones(self, tenant: str, erasure_id: int) -> Sequence[bytes]:
        sql = "SELECT hash FROM tombstones WHERE tenant = ? AND erasure_id = ? ORDER BY hash"
        return [bytes(row[0]) for row in execute(self._connection, sql, (tenant, erasure_id))]

    def confirm(self, tenant: str, erasure_id: int, service: str, time_us: int) -> None:
        execute(
            self._connection,
            "INSERT INTO erasure_confirmations (tenant, erasure_id, service, time_us) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO NOTHING",
            (tenant, erasure_id, service, time_us),
        )

    def confirmations(self, tenant: str, erasure_ids: Collection[int]) -> Mapping[int, Mapping[str, int]]:
        sql = "SELECT erasure_id, service, time_us FROM erasure_confirmations WHERE tenant = ?"
        found: dict[int, dict[str, int]] = defaultdict(dict)
        for row in select_among(self._connection, sql, (tenant,), "erasure_id", erasure_ids):
            found[row[0]][row[1]] = row[2]
        return found

    def unconfirmed(
        self, service: str, after: tuple[str, int], limit: int
    ) -> Sequence[tuple[str, ErasureRow]]:
        rows = execute(
            self._connection,
            f"SELECT tenant, {_COLUMNS} FROM erasures e WHERE (tenant, erasure_id) > (?, ?) AND NOT EXISTS "
            "(SELECT 1 FROM erasure_confirmations c "
            "WHERE c.tenant = e.tenant AND c.erasure_id = e.erasure_id AND c.service = ?) "
            "ORDER BY tenant, erasure_id LIMIT ?",
            (*after, service, limit),
        )
        return [(row[0], _row(row[1:])) for row in rows]

    def _rows(self, where: str, parameters: tuple[Any, ...]) -> list[ErasureRow]:
        return [
            _row(row)
            for row in execute(self._connection, f"SELECT {_COLUMNS} FROM erasures WHERE {where}", parameters)
        ]


def _values(row: ErasureRow) -> tuple[Any, ...]:
    return (
        pack_ids(row.person_ids),
        pack_ids(row.key_ids),
        row.subject,
        row.reason,
        row.time_us,
        row.counts,
        row.position,
        row.scrubbed_us,
    )


def _row(row: Any) -> ErasureRow:
    return ErasureRow(row[0], unpack_ids(row[1]), unpack_ids(row[2]), *row[3:])
