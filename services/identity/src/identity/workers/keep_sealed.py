"""Keeps every text sealed with the newest key (store/resealing.py), beside the service's work."""

import asyncio
from collections.abc import Callable

from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection

PAUSE_S = 0.05
"""Between two pages: the worker shares the writer with the service's work."""
RETRY_S = 5.0


async def keep_sealed(
    database: Database, step: Callable[[Connection], bool], pause_s: float = PAUSE_S
) -> None:
    """Takes one step at a time until none is left, then rests until cancelled; a worker of ServiceApp."""
    more = True
    while more:
        try:
            more = await database.write(step)
        except Exception:
            logger().warning("resealing failed, trying again", pause_s=RETRY_S, exc_info=True)
            await asyncio.sleep(RETRY_S)
        else:
            await asyncio.sleep(pause_s)
    await asyncio.Event().wait()
