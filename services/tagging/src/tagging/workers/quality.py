"""Measures tags after runs and midnights, looks for stale values, and adds what was counted of their use."""

import asyncio
from collections.abc import Callable

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.quality.count_use import AddUse
from tagging.app.quality.measure import MeasureTags
from tagging.app.quality.watch_freshness import WatchFreshness

PAUSE_S = 1.0
"""Between two looks, machine time; nobody looks while nothing is committed."""
IDLE_S = 60.0
"""After which freshness is looked at although nothing was committed."""
ADD_S = 10.0
"""Between two additions of what was counted: so much of it a crash loses."""


class QualityLooks:
    """Runs until cancelled; what fails is logged and tried again at the next look."""

    def __init__(self, database: Database, measure: MeasureTags, freshness: WatchFreshness) -> None:
        self._database = database
        self._measure = measure
        self._freshness = freshness

    async def run(self) -> None:
        looked = -IDLE_S
        while True:
            seen = self._database.commits.count
            await self._in_a_thread(self._measure, "tags are not measured")
            now = asyncio.get_running_loop().time()
            if now - looked >= IDLE_S:
                looked = now
                await self._in_a_thread(self._freshness, "freshness is not looked at")
            await asyncio.sleep(PAUSE_S)
            await self._database.commits.wait_beyond(seen, IDLE_S)

    async def _in_a_thread(self, step: Callable[[], int], problem: str) -> None:
        """A cancelled worker waits until its thread has let go of the store."""
        running = asyncio.ensure_future(asyncio.to_thread(step))
        try:
            await asyncio.shield(running)
        except asyncio.CancelledError:
            self._measure.stop()
            await asyncio.wait([running])
            if not running.cancelled():
                running.exception()
            raise
        except Exception:
            logger().warning(problem, exc_info=True)


class UseAdditions:
    """Runs until cancelled, and adds the rest then."""

    def __init__(self, database: Database, add: AddUse) -> None:
        self._database = database
        self._add = add

    async def run(self) -> None:
        try:
            while True:
                await asyncio.sleep(ADD_S)
                await self.once()
        finally:
            await asyncio.shield(asyncio.ensure_future(self.once()))

    async def once(self) -> None:
        """Adds what was counted by now."""
        taken = self._add.counter.take()
        if not taken:
            return
        try:
            await self._database.write(self._add, taken)
        except Exception:
            self._add.counter.put_back(taken)
            logger().warning("what was counted of tags is not added yet", exc_info=True)
