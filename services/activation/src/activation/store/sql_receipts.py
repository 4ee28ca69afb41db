"""ReceiptInbox and Outbox on SQLite and PostgreSQL."""

import datetime as dt
from collections.abc import Collection, Sequence

from activation.store.locking import for_update, marks
from activation.store.ports import StoredCallback
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class SqlReceiptInbox:
    """Implements ReceiptInbox."""

    def add(self, connection: Connection, callback: StoredCallback) -> None:
        received_us = microseconds(callback.received_at)
        execute(
            connection,
            "INSERT INTO receipt_inbox (receipt_id, account, received_us, sealed_callback, tries, next_try_us) "
            "VALUES (?, ?, ?, ?, 0, ?)",
            (callback.receipt_id, callback.account, received_us, callback.sealed, received_us),
        )

    def any_due(self, connection: Connection, now: dt.datetime) -> bool:
        sql = "SELECT 1 FROM receipt_inbox WHERE next_try_us <= ? LIMIT 1"
        return execute(connection, sql, (microseconds(now),)).first() is not None

    def due(self, connection: Connection, now: dt.datetime, limit: int) -> list[StoredCallback]:
        rows = execute(
            connection,
            "SELECT receipt_id, account, received_us, sealed_callback, tries FROM receipt_inbox "
            "WHERE next_try_us <= ? ORDER BY next_try_us, received_us LIMIT ?"
            + for_update(connection, skip_locked=True),
            (microseconds(now), limit),
        ).all()
        return [StoredCallback(row[0], row[1], moment(row[2]), bytes(row[3]), row[4]) for row in rows]

    def done(self, connection: Connection, receipt_id: str) -> None:
        execute(connection, "DELETE FROM receipt_inbox WHERE receipt_id = ?", (receipt_id,))

    def later(self, connection: Connection, receipt_id: str, next_try: dt.datetime, awaits: str) -> None:
        execute(
            connection,
            "UPDATE receipt_inbox SET tries = tries + 1, next_try_us = ?, awaits = ? WHERE receipt_id = ?",
            (microseconds(next_try), awaits, receipt_id),
        )

    def hasten(
        self, connection: Connection, account: str, message_ids: Collection[str], now: dt.datetime
    ) -> None:
        known = sorted(set(message_ids) - {""})
        if not known:
            return
        execute(
            connection,
            f"UPDATE receipt_inbox SET next_try_us = ? WHERE account = ? AND awaits IN ({marks(len(known))}) "
            "AND next_try_us > ?",
            (microseconds(now), account, *known, microseconds(now)),
        )

    def first(
        self, connection: Connection, account: str, dedupe_keys: Collection[str], now: dt.datetime
    ) -> frozenset[str]:
        keys = sorted(set(dedupe_keys))
        if not keys:
            return frozenset()
        known = execute(
            connection,
            f"SELECT dedupe_key FROM receipt_applied WHERE account = ? AND dedupe_key IN ({marks(len(keys))})",
            (account, *keys),
        ).all()
        new = frozenset(keys) - {row[0] for row in known}
        execute_many(
            connection,
            "INSERT INTO receipt_applied (account, dedupe_key, applied_us) VALUES (?, ?, ?) "
            "ON CONFLICT (account, dedupe_key) DO NOTHING",
            [(account, key, microseconds(now)) for key in sorted(new)],
        )
        return new


class SqlOutbox:
    """Implements Outbox."""

    def add(self, connection: Connection, tenant: str, sealed_records: Sequence[bytes]) -> None:
        execute_many(
            connection,
            "INSERT INTO outbox (tenant, sealed_record) VALUES (?, ?)",
            [(tenant, sealed) for sealed in sealed_records],
        )

    def oldest(self, connection: Connection, limit: int) -> list[tuple[int, str, bytes]]:
        rows = execute(
            connection, "SELECT number, tenant, sealed_record FROM outbox ORDER BY number LIMIT ?", (limit,)
        ).all()
        return [(row[0], row[1], bytes(row[2])) for row in rows]

    def remove(self, connection: Connection, numbers: Sequence[int]) -> None:
        execute(connection, f"DELETE FROM outbox WHERE number IN ({marks(len(numbers))})", tuple(numbers))
