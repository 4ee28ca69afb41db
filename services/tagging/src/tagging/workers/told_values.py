"""Ends the values that stand only so long, within seconds of the suite's clock."""

import asyncio

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.turn_statements import TurnStatements

INTERVAL_S = 0.5
"""Between two looks, machine time."""


class ToldValues:
    """Runs until cancelled, beside whatever computes everybody."""

    def __init__(self, database: Database, turn: TurnStatements) -> None:
        self._database = database
        self._turn = turn

    async def run(self) -> None:
        while True:
            try:
                worked = await self.once()
            except Exception as error:
                logger().error("values that end failed", exc_info=error)
                worked = False
            if not worked:
                await asyncio.sleep(INTERVAL_S)

    async def once(self) -> bool:
        """Whether any statement turned."""
        due = await self._database.read(self._turn.due)
        for tenant, by_tag in due.items():
            await self._database.write(self._turn.turn, tenant, by_tag)
        return bool(due)
