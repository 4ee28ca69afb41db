"""How long a changelog is kept: by age and by size; kinds that are nowhere else, until they are stored elsewhere."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.logging import logger
from servicekit.revision import LANES, Lane

KEEP_S = 7 * 24 * 3600
KEEP_BYTES = 8 * 1024**3
TRIMMED_ENTRIES = 10_000
"""Entries one trim removes, at most: it shares the writer with the service's work."""
TRIM_INTERVAL_S = 60.0
RETRY_S = 5.0
"""Until a trim that failed is tried again: a busy store must not end the worker, and with it the process."""
_ADVISORY_LOCK = 0x48785472


@dataclass(frozen=True)
class Spared:
    """Entries of these kinds after a position stay though the history around them goes: a Watch answers HISTORY_GONE,
    a bootstrap still reads them."""

    kinds: tuple[str, ...]
    after: int


@dataclass(frozen=True)
class Trimmed:
    """`more` asks for another trim."""

    entries: int
    more: bool


def trim(
    connection: Connection,
    changelog: Changelog,
    *,
    keep_after_machine_time_ms: int,
    max_bytes: int = KEEP_BYTES,
    not_beyond: int | None = None,
    spared: Spared | None = None,
) -> Trimmed:
    """Ends history from the oldest on, at most 10,000 entries a call: those before the time, and more while the
    payloads exceed `max_bytes`. Leaves every entry after the position `not_beyond`; removes what was spared before
    and is not any more. While another process trims the same store it leaves that to it."""
    shard = changelog.shard
    if connection.dialect.name == "postgresql" and not _take_turn(connection, shard):
        return Trimmed(0, more=False)
    position, oldest, payload_bytes = execute(
        connection, "SELECT position, oldest, payload_bytes FROM changelog_head WHERE shard = ?", (shard,)
    ).one()
    end = position if not_beyond is None else min(position, not_beyond)
    upper = min(end, oldest + TRIMMED_ENTRIES)
    rows = execute(
        connection,
        "SELECT position, machine_time_ms, length(payload) FROM changelog "
        "WHERE shard = ? AND lane IN (1, 2) AND position > ? AND position <= ? ORDER BY position",
        (shard, oldest, upper),
    ).all()
    last, count, removed_bytes = oldest, 0, 0
    for entry_position, machine_time_ms, size in rows:
        if machine_time_ms >= keep_after_machine_time_ms and payload_bytes - removed_bytes <= max_bytes:
            break
        last, count, removed_bytes = entry_position, count + 1, removed_bytes + size
    if count == 0 and spared is None:
        return Trimmed(0, more=False)
    for lane in LANES:
        _remove(connection, shard, lane, last, spared)
    execute(
        connection,
        "UPDATE changelog_head SET oldest = ?, payload_bytes = payload_bytes - ? WHERE shard = ?",
        (last, removed_bytes, shard),
    )
    return Trimmed(count, more=count == len(rows) and upper < end)


def _take_turn(connection: Connection, shard: int) -> bool:
    sql = "SELECT pg_try_advisory_xact_lock(?, ?)"
    return bool(execute(connection, sql, (_ADVISORY_LOCK, shard)).scalar_one())


def _remove(connection: Connection, shard: int, lane: Lane, last: int, spared: Spared | None) -> None:
    sql = "DELETE FROM changelog WHERE shard = ? AND lane = ? AND position <= ?"
    parameters: list[int | str] = [shard, int(lane), last]
    if spared is not None:
        sql += f" AND (position <= ? OR kind NOT IN ({', '.join('?' * len(spared.kinds))}))"
        parameters += [spared.after, *spared.kinds]
    execute(connection, sql, parameters)


async def keep_trimmed(
    database: Database,
    changelog: Changelog,
    *,
    keep_s: float = KEEP_S,
    max_bytes: int = KEEP_BYTES,
    spared: Callable[[Connection], Spared | None] = lambda _: None,
) -> None:
    """Trims each minute of machine time, each `keep_s` when that is shorter, until cancelled; a worker of ServiceApp.
    `spared` is asked each time, in the trimming transaction."""

    def trim_once(connection: Connection) -> Trimmed:
        return trim(
            connection,
            changelog,
            keep_after_machine_time_ms=int((time.time() - keep_s) * 1000),
            max_bytes=max_bytes,
            spared=spared(connection),
        )

    while True:
        try:
            trimmed = await database.write(trim_once)
        except Exception:
            logger().warning("trim failed, trying again", pause_s=RETRY_S, exc_info=True)
            await asyncio.sleep(RETRY_S)
            continue
        await asyncio.sleep(0 if trimmed.more else min(TRIM_INTERVAL_S, keep_s))
