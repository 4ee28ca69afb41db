"""Removes request ids that nobody repeats any more."""

import asyncio
import time

from servicekit.database import Database
from servicekit.logging import logger
from servicekit.request_ids import KEEP_S, forget
from sqlalchemy import Connection

LOOK_S = 600.0
"""Between two looks; machine time."""


async def forget_request_ids(database: Database) -> None:
    """Until cancelled; a worker of ServiceApp."""

    def remove_old(connection: Connection) -> int:
        return forget(connection, before_machine_time_ms=int((time.time() - KEEP_S) * 1_000))

    while True:
        try:
            while await database.write(remove_old):
                pass
        except Exception:
            logger().warning("forgetting old request ids failed, trying again", exc_info=True)
        await asyncio.sleep(LOOK_S)
