"""The recycle bin: what lies there, and what is removed from it for good."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace

from segments.app.ownership import require_owner
from segments.app.version import Board, Version
from segments.domain.people import Actor
from segments.domain.segment import RECYCLE_KEEP, Deletion
from segments.store.ports import Stores
from sqlalchemy import Connection

PURGED_AT_ONCE = 20


class Recycling:
    """The use cases of RecycleBinService but restoring. `now` is the suite's time."""

    def __init__(self, board: Board, stores: Stores, now: Callable[[], dt.datetime]) -> None:
        self._board = board
        self._stores = stores
        self._now = now

    def get(self, connection: Connection, tenant: str, segment_id: str) -> Deletion | None:
        """One that can still be restored."""
        found = self._stores.recycle_bin.get(connection, tenant, segment_id)
        if found is None or self._now() >= found.purge_time:
            return None
        frozen = self._stores.frozen.get(connection, tenant, segment_id)
        return replace(found, frozen=None if frozen is None or frozen.stale else frozen)

    def page(self, connection: Connection, tenant: str, after: str, limit: int) -> list[Deletion]:
        """In order of segment_id."""
        return self._stores.recycle_bin.page(connection, tenant, after, limit)

    async def purge(self, tenant: str, segment_id: str, actor: Actor) -> None:
        """Removes one for good; none is fine. Raises StepForbidden."""

        def store(connection: Connection, draft: Version, _: None) -> None:
            found = self._stores.recycle_bin.get(connection, tenant, segment_id)
            if found is not None:
                require_owner(found.segment, actor, "purge")
                self._purge(connection, tenant, segment_id)

        async with self._board.defining():
            await self._board.change(lambda draft: None, store)

    def purge_due(self, connection: Connection) -> int:
        """Removes some whose 30 days are over; answers how many."""
        due = self._stores.recycle_bin.due(connection, self._now() - RECYCLE_KEEP, PURGED_AT_ONCE)
        for tenant, segment_id in due:
            self._purge(connection, tenant, segment_id)
        return len(due)

    def _purge(self, connection: Connection, tenant: str, segment_id: str) -> None:
        self._stores.recycle_bin.remove(connection, tenant, segment_id)
        self._stores.versions.remove(connection, tenant, segment_id)
        self._stores.frozen.put(connection, tenant, segment_id, None)
        self._stores.days.remove(connection, tenant, segment_id)
