"""Removes what is kept of persons whom identity erased. Their keys are masked the moment identity's change is applied:
an erased person is not living, so nothing that reads persons finds their events. Here the rows go at once and the
lake's files when it is time to write them anew.
"""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from servicekit.database import Database
from servicekit.revision import Revision
from sqlalchemy import Connection
from tagging.store.ports import FactStores, Forgetting, LakeFile, Manifest

READERS_S = 60.0
"""How long a file that is named no more stays for those who read it, in machine time."""


@dataclass(frozen=True, slots=True)
class ErasedPerson:
    """An erasure that identity tells of; `told_at` is where its changes say so."""

    tenant: str
    erasure_id: int
    key_ids: tuple[int, ...]
    told_at: Revision


class ForgetPersons:
    """Idempotent: what dies in between is done again."""

    def __init__(
        self,
        database: Database,
        facts: FactStores,
        manifest: Manifest,
        forgetting: Forgetting,
        *,
        readers_s: float = READERS_S,
    ) -> None:
        self._database = database
        self._facts = facts
        self._manifest = manifest
        self._forgetting = forgetting
        self._readers_s = readers_s

    async def masked(self, erased: Sequence[ErasedPerson]) -> list[ErasedPerson]:
        """Those whom this service has masked already, having come as far as identity told of them."""
        cursor = await self._database.read(self._facts.progress.cursor)
        return [each for each in erased if cursor is not None and _covers(cursor, each.told_at)]

    async def forget_rows(self, erased: Sequence[ErasedPerson]) -> int:
        """Removes the rows of events; returns how many."""
        removed = 0
        for tenant, key_ids in _by_tenant(erased).items():
            removed += await self._database.write(self._rows, tenant, key_ids)
        return removed

    async def forget_files(self, erased: Sequence[ErasedPerson]) -> int:
        """Writes the lake's files anew without the events; returns how many held some."""
        count = 0
        for tenant, key_ids in _by_tenant(erased).items():
            name = f"e{max(each.erasure_id for each in erased if each.tenant == tenant)}"
            files = await self._database.read(self._manifest.files, tenant)
            gone: list[str] = []
            fresh: list[LakeFile] = []
            for file in files:
                written = await asyncio.to_thread(self._forgetting.rewritten, file, key_ids, name)
                if written is not None:
                    gone.append(file.path)
                    fresh.append(written)
            if not gone:
                continue
            named = [file for file in fresh if file.event_count]
            await self._database.write(self._manifest.replace, tenant, gone, named)
            await asyncio.sleep(self._readers_s)
            empty = [file.path for file in fresh if not file.event_count]
            await asyncio.to_thread(self._forgetting.remove, [*gone, *empty])
            count += len(gone)
        return count

    def _rows(self, connection: Connection, tenant: str, key_ids: Collection[int]) -> int:
        self._facts.tenants.lock(connection, tenant)
        return self._forgetting.rows(connection, tenant, key_ids)


def _by_tenant(erased: Sequence[ErasedPerson]) -> dict[str, frozenset[int]]:
    found: dict[str, set[int]] = {}
    for each in erased:
        found.setdefault(each.tenant, set()).update(each.key_ids)
    return {tenant: frozenset(key_ids) for tenant, key_ids in found.items()}


def _covers(cursor: Revision, told_at: Revision) -> bool:
    """A cursor of a later epoch began with an export, which tells of every erased person."""
    if cursor.epoch != told_at.epoch:
        return cursor.epoch > told_at.epoch
    return cursor.live >= told_at.live
