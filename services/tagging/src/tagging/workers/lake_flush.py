"""Flushes the lake when much has come or something has waited long."""

import asyncio
import time

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.flush_lake import FlushLake
from tagging.store.ports import LakeWriter, Manifest, Tenants

FLUSH_BYTES = 64 * 1024 * 1024
FLUSH_AFTER_S = 300.0
CHECK_S = 5.0


class LakeFlushing:
    """Runs until cancelled. `sweep` first, once, at start-up: files of flushes that a crash cut off go."""

    def __init__(
        self,
        database: Database,
        manifest: Manifest,
        tenants: Tenants,
        writer: LakeWriter,
        flush_lake: FlushLake,
        *,
        flush_bytes: int = FLUSH_BYTES,
        flush_after_s: float = FLUSH_AFTER_S,
        check_s: float = CHECK_S,
    ) -> None:
        self._database = database
        self._manifest = manifest
        self._tenants = tenants
        self._writer = writer
        self._flush_lake = flush_lake
        self._flush_bytes = flush_bytes
        self._flush_after_s = flush_after_s
        self._check_s = check_s

    def sweep(self) -> int:
        """Removes files that the manifest does not name; returns how many."""
        named: set[str] = set()
        for tenant in self._database.read_now(self._tenants.all):
            files = self._database.read_now(self._manifest.files, tenant.name)
            named.update(file.path for file in files)
        return self._writer.sweep(named)

    async def run(self) -> None:
        """What fails is logged and tried again at the next look."""
        while True:
            try:
                await self._flush_due()
            except Exception as error:
                logger().error("the lake was not looked at", exc_info=error)
            await asyncio.sleep(self._check_s)

    async def _flush_due(self) -> None:
        before_ms = int((time.time() - self._flush_after_s) * 1000)
        for tenant in await self._database.read(self._manifest.due, self._flush_bytes, before_ms):
            try:
                report = await self._flush_lake.flush(tenant)
                logger().info("lake flushed", tenant=tenant, count=report.event_count)
            except Exception as error:
                logger().error("lake flush failed", tenant=tenant, exc_info=error)
