"""Keeps what is typical of classes of persons as fresh as the latest run."""

import asyncio
from collections.abc import Callable

from servicekit.database import Database
from servicekit.logging import logger

PAUSE_S = 1.0
"""Between two looks, machine time; also while nothing is committed."""


class ClassProfiles:
    """`freeze` blocks and answers how many profiles it made."""

    def __init__(self, database: Database, freeze: Callable[[], int]) -> None:
        self._database = database
        self._freeze = freeze

    async def run(self) -> None:
        """Looks after commits until cancelled; what fails is tried again at the next look."""
        while True:
            seen = self._database.commits.count
            try:
                await asyncio.to_thread(self._freeze)
            except Exception:
                logger().warning("profiles of classes are not kept", exc_info=True)
            await asyncio.sleep(PAUSE_S)
            await self._database.commits.wait_beyond(seen, 60 * PAUSE_S)
