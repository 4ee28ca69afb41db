"""The current version and its one writer at a time."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from segments.app.version import Version
from segments.store.ports import Stores
from servicekit.changelog import Head
from servicekit.commits import Commits
from servicekit.database import Database
from sqlalchemy import Connection

T = TypeVar("T")
R = TypeVar("R")


class VersionBoard:
    """Implements Board. `commits` counts published versions: whoever waits for freshness looks again then."""

    def __init__(self, database: Database, stores: Stores, version: Version) -> None:
        self.commits = Commits()
        self._database = database
        self._journal = stores.journal
        self._current = version
        self._changing = asyncio.Lock()
        self._defining = asyncio.Lock()

    @property
    def current(self) -> Version:
        return self._current

    async def head(self) -> Head:
        """How far the current version has come."""
        return self._current.head

    async def change(
        self, prepare: Callable[[Version], T], store: Callable[[Connection, Version, T], R]
    ) -> R:
        changing = asyncio.ensure_future(self._change(prepare, store))
        changing.add_done_callback(_seen)
        return await asyncio.shield(changing)

    async def _change(
        self, prepare: Callable[[Version], T], store: Callable[[Connection, Version, T], R]
    ) -> R:
        async with self._changing:
            draft = self._current.draft()
            prepared = await asyncio.to_thread(prepare, draft)

            def write(connection: Connection) -> tuple[R, Head]:
                stored = store(connection, draft, prepared)
                return stored, self._journal.head(connection)

            result, draft.head = await self._database.write(write)
            self._current = draft
        self.commits.notify()
        return result

    async def compute(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    @asynccontextmanager
    async def defining(self) -> AsyncIterator[None]:
        async with self._defining:
            yield


def _seen(changing: "asyncio.Future[Any]") -> None:
    """When the caller was cancelled, nobody else asks how the change ended."""
    if not changing.cancelled():
        changing.exception()
