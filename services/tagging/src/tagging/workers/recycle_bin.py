"""Empties the recycle bin and forgets ids of requests that nobody repeats any more."""

import asyncio
import time

from servicekit.database import Database
from servicekit.logging import logger
from servicekit.request_ids import KEEP_S, forget
from sqlalchemy import Connection
from tagging.app.governance.recycling import PURGED_AT_ONCE, EmptyRecycleBin

LOOK_S = 60.0
"""Between two looks, machine time."""


class RecycleBin:
    """`run` is a worker."""

    def __init__(self, database: Database, empty: EmptyRecycleBin) -> None:
        self._database = database
        self._empty = empty

    async def run(self) -> None:
        """Runs until cancelled."""
        while True:
            try:
                await self.look()
            except Exception as error:
                logger().error("emptying the recycle bin failed", exc_info=error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """All that is due, in bounded transactions."""
        while await self._database.write(self._empty) == PURGED_AT_ONCE:
            pass
        await self._database.write(_forget_requests)


def _forget_requests(connection: Connection) -> int:
    return forget(connection, before_machine_time_ms=int((time.time() - KEEP_S) * 1_000))
