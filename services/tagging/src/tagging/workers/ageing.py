"""Ages hours and minutes within seconds of the suite's clock, beside whatever computes everybody."""

import asyncio

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.keep_current import KeepCurrent

INTERVAL_S = 0.5
"""Between two looks, machine time."""


class Ageing:
    """Runs until cancelled. Few persons at a time; where very many are due at once, the worker that computes everybody
    takes them too, when it is free."""

    def __init__(self, database: Database, current: KeepCurrent) -> None:
        self._database = database
        self._current = current

    async def run(self) -> None:
        while True:
            try:
                worked = await self.once()
            except Exception as error:
                logger().error("ageing failed, trying again", exc_info=error)
                worked = False
            if not worked:
                await asyncio.sleep(INTERVAL_S)

    async def once(self) -> bool:
        """Whether anybody aged; one tenant's failure stops no other."""
        aged = False
        for tenant, persons in (await self._database.read(self._current.due)).items():
            try:
                await self._database.write(self._current.age_persons, tenant, persons)
                aged = True
            except Exception as error:
                logger().error("ageing failed, trying again", tenant=tenant, exc_info=error)
        return aged
