"""Keeps files of who lives, and whose each key is, near the store: writes them anew when enough was stated since."""

import asyncio

from servicekit.database import Database
from tagging.store.person_ports import PersonCopies

LEAST_PERSONS = 100_000
"""Fewer are read from rows in a fraction of a second."""


class KeepPersonFiles:
    """`rewriting_lock` is shared with who removes what the erased left: what was read before would be written after."""

    def __init__(self, database: Database, copies: PersonCopies, rewriting_lock: asyncio.Lock) -> None:
        self._database = database
        self._copies = copies
        self._lock = rewriting_lock

    async def keep_due(self, tenant: str, least_persons: int = LEAST_PERSONS) -> int:
        """Writes files when it is worth it; how many persons are in them, 0 when none were written. Killed in between,
        those that count stay, and what was begun goes with the next."""
        async with self._lock:
            if not await self._database.read(self._copies.due, tenant, least_persons):
                return 0
            held = await self._database.read(self._copies.held, tenant)
            name = await asyncio.to_thread(self._copies.write, tenant, held)
            await self._database.write(self._copies.name, tenant, name, held.change)
            await asyncio.to_thread(self._copies.sweep, tenant, name)
            return len(held.persons.ids)
