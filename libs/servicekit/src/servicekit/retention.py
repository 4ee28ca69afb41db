"""How long a changelog is kept: by age and by size, never beyond what named consumers have acknowledged."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.revision import LANES

KEEP_S = 7 * 24 * 3600
KEEP_BYTES = 8 * 1024**3
TRIMMED_ENTRIES = 10_000
"""Entries one trim removes, at most: it shares the writer with the service's work."""
TRIM_INTERVAL_S = 60.0


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
) -> Trimmed:
    """Removes entries from the oldest on, at most 10,000 a call: those before the time, and more while the
    payloads exceed `max_bytes`. Leaves every entry after the position `not_beyond`."""
    shard = changelog.shard
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
    if count == 0:
        return Trimmed(0, more=False)
    for lane in LANES:
        execute(
            connection,
            "DELETE FROM changelog WHERE shard = ? AND lane = ? AND position <= ?",
            (shard, int(lane), last),
        )
    execute(
        connection,
        "UPDATE changelog_head SET oldest = ?, payload_bytes = payload_bytes - ? WHERE shard = ?",
        (last, removed_bytes, shard),
    )
    return Trimmed(count, more=count == len(rows) and upper < end)


async def keep_trimmed(
    database: Database,
    changelog: Changelog,
    *,
    keep_s: float = KEEP_S,
    max_bytes: int = KEEP_BYTES,
    not_beyond: Callable[[Connection], int | None] = lambda _: None,
) -> None:
    """Trims each minute of machine time until cancelled; a worker of ServiceApp. `not_beyond` is asked each
    time, in the trimming transaction."""

    def trim_once(connection: Connection) -> Trimmed:
        return trim(
            connection,
            changelog,
            keep_after_machine_time_ms=int((time.time() - keep_s) * 1000),
            max_bytes=max_bytes,
            not_beyond=not_beyond(connection),
        )

    while True:
        trimmed = await database.write(trim_once)
        await asyncio.sleep(0 if trimmed.more else TRIM_INTERVAL_S)
