"""What is done from time to time: ageing, folding, retention."""

import asyncio
import datetime as dt
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from segments.app.age import AgeSegments
from segments.app.exports import MemberExports
from segments.app.keep_days import TAKEN_AT_ONCE, KeepDays
from segments.app.recycling import Recycling
from segments.app.runs import RunDesk
from segments.app.settle_columns import SettleColumns
from segments.app.snapshots import Snapshots
from segments.app.version import Board
from segments.store.ports import IndexStore
from servicekit.database import Database
from servicekit.logging import logger
from servicekit.request_ids import KEEP_S, forget
from sqlalchemy import Connection

AGEING_S = 1.0
"""Machine time between looks at the suite's clock."""
FOLDING_S = 10.0
FOLDED_BEYOND = 2_000
"""Single values beside one stored block; beyond, the block is written anew."""
RETENTION_S = 600.0
SETTLING_S = 1.0
DAYS_S = 5.0
"""Between looks for a new day."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """How long snapshots, counts of days and members of days are kept, on the suite's clock."""

    snapshots: dt.timedelta = dt.timedelta(days=90)
    counts: dt.timedelta = dt.timedelta(days=800)
    members: dt.timedelta = dt.timedelta(days=35)


def upkeep(
    database: Database,
    index: IndexStore,
    age: AgeSegments,
    snapshots: Snapshots,
    days: KeepDays,
    recycling: Recycling,
    board: Board,
    *,
    machine_now: Callable[[], dt.datetime],
    keeping: Keeping,
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """The workers, each running until cancelled."""

    async def ageing() -> None:
        await age()

    async def folding() -> None:
        while await database.write(lambda connection: index.fold(connection, beyond=FOLDED_BEYOND)):
            pass

    def remove_old(connection: Connection) -> int:
        before = machine_now() - dt.timedelta(seconds=KEEP_S)
        forgotten = forget(connection, before_machine_time_ms=int(before.timestamp() * 1_000))
        days_gone = days.remove_old(connection, counts_keep=keeping.counts, members_keep=keeping.members)
        return (
            forgotten
            + days_gone
            + recycling.purge_due(connection)
            + snapshots.remove_old(connection, keeping.snapshots)
        )

    async def retention() -> None:
        while await database.write(remove_old):
            pass

    async def keeping_days() -> None:
        version = board.current
        due = await database.read(days.due, version)
        for start in range(0, len(due), TAKEN_AT_ONCE):
            await database.write(days.take, version, due[start : start + TAKEN_AT_ONCE])

    return (
        _every(DAYS_S, keeping_days),
        _every(AGEING_S, ageing),
        _every(FOLDING_S, folding),
        _every(RETENTION_S, retention),
    )


def forgetting(
    database: Database, runs: RunDesk, exports: MemberExports
) -> tuple[Callable[[], Coroutine[Any, Any, None]], ...]:
    """The workers that forget long work when it has ended."""

    async def removing_runs() -> None:
        while await database.write(runs.remove_old):
            pass

    async def forgetting_exported() -> None:
        await database.write(exports.forget_members)

    return _every(RETENTION_S, removing_runs), _every(RETENTION_S, forgetting_exported)


def settling(settle: SettleColumns) -> Callable[[], Coroutine[Any, Any, None]]:
    """The worker that writes columns to files."""

    async def settling_columns() -> None:
        await settle()

    return _every(SETTLING_S, settling_columns)


def _every(
    pause_s: float, work: Callable[[], Coroutine[Any, Any, None]]
) -> Callable[[], Coroutine[Any, Any, None]]:
    """A failure is logged and the work tried again at its next turn."""

    async def run() -> None:
        while True:
            try:
                await work()
            except Exception:
                logger().warning("upkeep failed, trying again", worker=work.__name__, exc_info=True)
            await asyncio.sleep(pause_s)

    return run
