"""Looks whether schedules have come, about once a second; what they start waits for the worker that computes."""

import asyncio

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.run_schedules import RunSchedules

INTERVAL_S = 1.0
"""Between two looks, machine time."""


class Schedules:
    """Runs until cancelled."""

    def __init__(self, database: Database, schedules: RunSchedules) -> None:
        self._database = database
        self._schedules = schedules

    async def run(self) -> None:
        while True:
            try:
                await self.once()
            except Exception as error:
                logger().error("schedules failed", exc_info=error)
            await asyncio.sleep(INTERVAL_S)

    async def once(self) -> int:
        """How many runs started."""
        started = 0
        for tenant in await self._database.read(self._schedules.tenants):
            started += len(await self._database.write(self._schedules.start, tenant))
        return started
