"""Removes the lake's files that the manifest names no more, once nobody can be reading them."""

import asyncio
import time
from collections.abc import Callable, Collection

from tagging.store.lake_ports import LakeRewriting

READERS_S = 60.0
"""How long a file stays for readers beside this process that asked for the manifest before, in machine time."""
LOOK_S = 0.5


class RetireFiles:
    """Keeps in memory what waits: whatever a crash leaves, the sweep at the next start removes."""

    def __init__(
        self,
        rewriting: LakeRewriting,
        *,
        readers_s: float = READERS_S,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rewriting = rewriting
        self._readers_s = readers_s
        self._monotonic = monotonic
        self._waiting: dict[str, float] = {}

    @property
    def waiting_count(self) -> int:
        """Files that are named no more and still there."""
        return len(self._waiting)

    def retire(self, paths: Collection[str]) -> None:
        """After the manifest has ceased to name them."""
        for path in paths:
            self._waiting.setdefault(path, self._monotonic())

    async def remove_due(self) -> int:
        """Removes what has waited long enough and no relation reads; returns how many."""
        before = self._monotonic() - self._readers_s
        due = [
            path
            for path, since in list(self._waiting.items())
            if since <= before and not self._rewriting.held(path)
        ]
        await asyncio.to_thread(self._rewriting.remove, due)
        for path in due:
            self._waiting.pop(path, None)
        return len(due)

    async def gone(self, paths: Collection[str]) -> None:
        """Returns when these are removed."""
        while any(path in self._waiting for path in paths):
            if not await self.remove_due():
                await asyncio.sleep(LOOK_S)
