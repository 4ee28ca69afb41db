"""Runs the scans that leave nothing of erased persons, beside the service's work."""

import asyncio
from functools import partial

from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection

from identity.app.scrub_erased import Scan, ScrubErased
from identity.store.ports import Stores
from identity.workers.trim_changes import OpenStores

LOOK_S = 1.0
"""Between two looks for new erasures, at most; machine time."""
PAUSE_S = 0.02
RETRY_S = 5.0


async def keep_scrubbing(database: Database, open_stores: OpenStores, scrub: ScrubErased) -> None:
    """Until cancelled; a worker of ServiceApp."""

    def find(connection: Connection) -> Scan | None:
        return scrub.find(open_stores(connection))

    def step(connection: Connection, scan: Scan) -> Scan | None:
        stores: Stores = open_stores(connection)
        return scrub.step(stores, scan)

    while True:
        try:
            scan = await database.read(find)
            while scan is not None:
                scan = await database.write(partial(step, scan=scan))
                await asyncio.sleep(PAUSE_S)
        except Exception:
            logger().warning("removing what was erased failed, trying again", pause_s=RETRY_S, exc_info=True)
            await asyncio.sleep(RETRY_S)
        await asyncio.sleep(LOOK_S)
