"""BatchStore and TokenBucket on SQLite and PostgreSQL."""

import datetime as dt
from collections.abc import Collection
from typing import Any

from activation.domain.ledger import Batch, BatchState
from activation.store.locking import for_update, marks
from activation.store.times import microseconds, moment
from servicekit.driver_sql import execute
from sqlalchemy import Connection

_COLUMNS = (
    "batch_id, tenant, campaign_id, account, key, digest, sealed_wire, state, submitted_us, deadline_ms, absences, "
    "next_look_us"
)
CALL = 1_000
BURSTS_PER_S = 10


class SqlBatchStore:
    """Implements BatchStore."""

    def add(self, connection: Connection, batch: Batch) -> None:
        execute(
            connection,
            f"INSERT INTO batch ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                batch.batch_id,
                batch.tenant,
                batch.campaign_id,
                batch.account,
                batch.key,
                batch.digest,
                batch.sealed_wire,
                batch.state.value,
                microseconds(batch.submitted_at),
                batch.deadline_ms,
                batch.absences,
                microseconds(batch.next_look) or 0,
            ),
        )

    def get(self, connection: Connection, batch_id: str, *, lock: bool = True) -> Batch | None:
        row = execute(
            connection,
            f"SELECT {_COLUMNS} FROM batch WHERE batch_id = ?" + (for_update(connection) if lock else ""),
            (batch_id,),
        ).one_or_none()
        return None if row is None else _batch(tuple(row))

    def put(self, connection: Connection, batch: Batch) -> None:
        execute(
            connection,
            "UPDATE batch SET sealed_wire = ?, state = ?, deadline_ms = ?, absences = ?, next_look_us = ? "
            "WHERE batch_id = ?",
            (
                batch.sealed_wire,
                batch.state.value,
                batch.deadline_ms,
                batch.absences,
                microseconds(batch.next_look) or 0,
                batch.batch_id,
            ),
        )

    def overdue(self, connection: Connection, machine_ms: int, limit: int) -> list[Batch]:
        rows = execute(
            connection,
            f"SELECT {_COLUMNS} FROM batch WHERE state = ? AND deadline_ms < ? ORDER BY deadline_ms LIMIT ?"
            + for_update(connection, skip_locked=True),
            (BatchState.SUBMITTING.value, machine_ms, limit),
        ).all()
        return [_batch(tuple(row)) for row in rows]

    def to_resolve(
        self, connection: Connection, accounts: Collection[str], now: dt.datetime, limit: int
    ) -> list[str]:
        rows = execute(
            connection,
            f"SELECT batch_id FROM batch WHERE state = ? AND account IN ({marks(len(accounts))}) "
            "AND next_look_us <= ? ORDER BY next_look_us LIMIT ?",
            (BatchState.UNKNOWN.value, *accounts, microseconds(now), limit),
        ).all()
        return [row[0] for row in rows]


class SqlTokenBucket:
    """Implements TokenBucket. Tokens are counted in thousandths of a call, so a millisecond brings `per_second`."""

    def take(
        self, connection: Connection, account: str, per_second: int, wanted: int, machine_ms: int
    ) -> tuple[int, int]:
        execute(
            connection,
            "INSERT INTO token_bucket (account, tokens, filled_ms) VALUES (?, ?, ?) "
            "ON CONFLICT (account) DO NOTHING",
            (account, CALL, machine_ms),
        )
        tokens, filled_ms = execute(
            connection,
            "SELECT tokens, filled_ms FROM token_bucket WHERE account = ?" + for_update(connection),
            (account,),
        ).one()
        gained = max(0, machine_ms - filled_ms) * per_second
        tokens = min(tokens + gained, max(1, per_second // BURSTS_PER_S) * CALL)
        granted = min(wanted, tokens // CALL)
        tokens -= granted * CALL
        execute(
            connection,
            "UPDATE token_bucket SET tokens = ?, filled_ms = ? WHERE account = ?",
            (tokens, max(filled_ms, machine_ms), account),
        )
        return granted, 0 if granted else -(-(CALL - tokens) // per_second)


def _batch(row: tuple[Any, ...]) -> Batch:
    return Batch(
        batch_id=row[0],
        tenant=row[1],
        campaign_id=row[2],
        account=row[3],
        key=row[4],
        digest=row[5],
        sealed_wire=None if row[6] is None else bytes(row[6]),
        state=BatchState(row[7]),
        submitted_at=moment(row[8]),
        deadline_ms=row[9],
        absences=row[10],
        next_look=moment(row[11]),
    )
