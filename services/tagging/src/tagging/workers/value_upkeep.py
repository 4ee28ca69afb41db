"""Folds deltas of values into blocks and small records of their versions into large ones; removes files that nothing
names any more, and versions that are out of reach."""

import asyncio

from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.logging import logger
from sqlalchemy import Connection
from tagging.domain.columns import microseconds
from tagging.store.ports import Tenants
from tagging.store.tag_ports import TagValues
from tagging.store.value_ports import ValueHistory

INTERVAL_S = 10.0
FOLDED_ROWS = 2_000
"""A block whose delta has so many rows is folded."""
KEEP_FILES_MS = 10 * 60 * 1_000
"""A replaced file stays this long for who reads an older snapshot."""


class ValueUpkeep:
    """Runs until cancelled."""

    def __init__(
        self, database: Database, tenants: Tenants, values: TagValues, history: ValueHistory, clock: Clock
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._values = values
        self._history = history
        self._clock = clock

    async def run(self) -> None:
        while True:
            try:
                await self.once()
            except Exception as error:
                logger().error("upkeep of values failed", exc_info=error)
            await asyncio.sleep(INTERVAL_S)

    async def once(self) -> None:
        for tenant in await self._database.read(self._tenants.all):
            await self._database.write(self._fold, tenant.name)
        before = microseconds(self._clock.machine_now()) // 1_000 - KEEP_FILES_MS
        files = await self._database.write(self._values.retire, before)
        await asyncio.to_thread(self._values.remove, files)
        await self._database.write(self._history.trim, self._clock.now())

    def _fold(self, connection: Connection, tenant: str) -> None:
        self._tenants.lock(connection, tenant)
        self._values.fold(connection, tenant, FOLDED_ROWS)
        self._history.fold(connection, tenant)
