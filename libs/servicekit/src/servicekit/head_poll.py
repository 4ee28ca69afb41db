"""Notices what other processes commit to a shared store, and wakes this process as if it had committed
itself."""

import asyncio

from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.logging import logger

POLL_S = 0.01
FAILED_POLL_S = 1.0


class HeadPoll:
    """Looks at the changelog's head each 10 ms while somebody is inside `async with`, on Postgres only: an
    SQLite file has one writing process."""

    def __init__(self, database: Database, changelog: Changelog) -> None:
        self._database = database
        self._changelog = changelog
        self._inside = 0
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> None:
        self._inside += 1
        if self._task is None and self._database.dialect == "postgresql":
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def __aexit__(self, *_: object) -> None:
        self._inside -= 1
        if self._inside == 0 and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        known = None
        while True:
            try:
                head = await self._database.read(self._changelog.head)
            except Exception:
                logger().warning("head poll failed", exc_info=True)
                await asyncio.sleep(FAILED_POLL_S)
                continue
            if known is not None and head != known:
                self._database.commits.notify()
            known = head
            await asyncio.sleep(POLL_S)
