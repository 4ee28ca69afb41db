"""Makes few large files of many small ones.

A merge writes and syncs one new file; one transaction names it in the place of those it was made of; then those are
removed. Killed in between, either the old files are named or the new one; what is not named, a start sweeps away.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.retire_files import RetireFiles
from tagging.domain import compaction
from tagging.domain.compaction import Group
from tagging.domain.lake import LakeFile
from tagging.store.lake_ports import LakeRewriting
from tagging.store.ports import Manifest, Tenants

PORTION_BYTES = 256 * 1024**2
"""What one call reads, at most, unless a single group is larger."""


@dataclass(frozen=True, slots=True)
class Compacted:
    """What was done. `more`: there is more to do."""

    files_before: int = 0
    files_after: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    more: bool = False


class CompactLake:
    """One rewrite of the lake at a time: `rewriting_lock` is shared with all who replace files."""

    def __init__(
        self,
        database: Database,
        manifest: Manifest,
        tenants: Tenants,
        rewriting: LakeRewriting,
        retire: RetireFiles,
        rewriting_lock: asyncio.Lock,
    ) -> None:
        self._database = database
        self._manifest = manifest
        self._tenants = tenants
        self._rewriting = rewriting
        self._retire = retire
        self._lock = rewriting_lock

    async def compact(self, tenant: str, portion_bytes: int = PORTION_BYTES) -> Compacted:
        """Merges whatever small files a day has, a portion of them. Idempotent: in the end it changes nothing."""
        return await self._compact(tenant, compaction.everything, portion_bytes)

    async def compact_due(self, tenant: str) -> Compacted:
        """Merges the first group that is worth it by itself."""
        known = await self._database.read(self._tenants.get, tenant)
        if known is None:
            return Compacted()
        return await self._compact(tenant, lambda files: compaction.due(files, known.day), 1)

    async def _compact(
        self, tenant: str, plan: Callable[[Iterable[LakeFile]], list[Group]], portion_bytes: int
    ) -> Compacted:
        before: list[LakeFile] = []
        after: list[LakeFile] = []
        async with self._lock:
            groups = plan(await self._database.read(self._manifest.files, tenant))
            for done, group in enumerate(groups):
                if before and sum(file.size_bytes for file in (*before, *group)) > portion_bytes:
                    return _report(before, after, more=True)
                merged = await asyncio.to_thread(self._rewriting.merged, tenant, group)
                if await self._database.write(self._named, tenant, group, merged):
                    self._retire.retire([file.path for file in group])
                    before += group
                    after.append(merged)
                else:
                    self._retire.retire([merged.path])
                    return _report(before, after, more=done + 1 < len(groups))
        return _report(before, after, more=False)

    def _named(self, connection: Connection, tenant: str, group: Group, merged: LakeFile) -> bool:
        self._tenants.lock(connection, tenant)
        return self._manifest.replace(connection, tenant, [file.path for file in group], [merged])


def _report(before: list[LakeFile], after: list[LakeFile], *, more: bool) -> Compacted:
    return Compacted(
        len(before),
        len(after),
        sum(file.size_bytes for file in before),
        sum(file.size_bytes for file in after),
        more,
    )
