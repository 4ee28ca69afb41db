"""Moves recent events into files."""

import asyncio
from dataclasses import dataclass
from typing import Any

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.domain.tenants import TenantSettings
from tagging.store.ports import Flushed, LakeWriter, Manifest, Tenants

PAGE = 10_000
"""Events read in one transaction."""
FLUSHED = 200_000
"""Events of one flush, at most; what is left is flushed next."""


@dataclass(frozen=True, slots=True)
class FlushReport:
    """What was written."""

    event_count: int = 0
    file_count: int = 0


class FlushLake:
    """Flushes one tenant at a time: reads, writes and syncs files, then names them in the manifest.

    A crash in between leaves files that nobody names: the next flush writes over them, a start removes them.
    """

    def __init__(self, database: Database, manifest: Manifest, tenants: Tenants, writer: LakeWriter) -> None:
        self._database = database
        self._manifest = manifest
        self._tenants = tenants
        self._writer = writer
        self._one_at_a_time = asyncio.Lock()

    async def flush(self, tenant: str) -> FlushReport:
        """Flushes what is there now. Idempotent: without recent events it changes nothing."""
        async with self._one_at_a_time:
            count = await self._database.read(self._manifest.recent_count, tenant)
            written = files = 0
            while written < count:
                report = await self._flush_some(tenant)
                if not report.event_count:
                    break
                written += report.event_count
                files += report.file_count
            return FlushReport(written, files)

    async def _flush_some(self, tenant: str) -> FlushReport:
        after = await self._database.read(self._manifest.flushed, tenant)
        pages: list[Any] = []
        through, count = after, 0
        while count < FLUSHED:
            page, through, events = await self._database.read(self._page, tenant, through)
            if not events:
                break
            pages.append(page)
            count += events
        if not pages:
            return FlushReport()
        files = await asyncio.to_thread(self._writer.write, tenant, pages, after)
        named = await self._database.write(self._manifest.commit, tenant, files, Flushed(after, through))
        return FlushReport(count, len(files)) if named else FlushReport()

    def _page(self, connection: Connection, tenant: str, after: int) -> tuple[Any, int, int]:
        events, through = self._manifest.recent(connection, tenant, after, PAGE)
        known = self._tenants.get(connection, tenant)
        settings = known.settings if known is not None else TenantSettings()
        return self._writer.collect(events, settings), through, len(events)
