"""Compacts the lake at its own pace, builds its columns, lets events expire, removes files that were replaced, and
keeps files of persons."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from servicekit.database import Database
from servicekit.logging import logger
from tagging.app.build_columns import BuildColumns
from tagging.app.compact_lake import CompactLake
from tagging.app.expire_events import ExpireEvents
from tagging.app.keep_person_files import KeepPersonFiles
from tagging.app.retire_files import RetireFiles
from tagging.store.ports import Tenants

LOOK_S = 15.0
REST = 3.0
"""After a merge the worker rests so many times as long as the merge took: a quarter of one core, at most."""


class LakeUpkeep:
    """Runs until cancelled; what fails is logged and tried again at the next look."""

    def __init__(
        self,
        database: Database,
        tenants: Tenants,
        compact: CompactLake,
        expire: ExpireEvents,
        retire: RetireFiles,
        build: BuildColumns | None = None,
        persons: KeepPersonFiles | None = None,
        *,
        look_s: float = LOOK_S,
        rest: float = REST,
    ) -> None:
        self._database = database
        self._tenants = tenants
        self._compact = compact
        self._expire = expire
        self._retire = retire
        self._builds: list[tuple[str, Callable[[str], Awaitable[int]]]] = []
        if build is not None:
            self._builds.append(("columns of events built", build.build_due))
        if persons is not None:
            self._builds.append(("persons written to files", persons.keep_due))
        self._look_s = look_s
        self._rest = rest

    async def run(self) -> None:
        while True:
            try:
                await self.once()
            except Exception as error:
                logger().error("upkeep of the lake failed", exc_info=error)
            await asyncio.sleep(self._look_s)

    async def once(self) -> None:
        """One round over all tenants; one tenant's failure stops no other."""
        await self._retire.remove_due()
        for tenant in await self._database.read(self._tenants.all):
            try:
                expired = await self._expire.expire(tenant.name)
                if expired:
                    logger().info("events expired", tenant=tenant.name, count=expired)
                await self._compacted(tenant.name)
                await self._built(tenant.name)
            except Exception as error:
                logger().error("upkeep of the lake failed", tenant=tenant.name, exc_info=error)

    async def _built(self, tenant: str) -> None:
        """A build that fails has cost as much as one that stands, and is rested from as long."""
        for what, build in self._builds:
            began = time.monotonic()
            try:
                count = await build(tenant)
            except Exception:
                await asyncio.sleep((time.monotonic() - began) * self._rest)
                raise
            if count:
                logger().info(what, tenant=tenant, count=count)
                await asyncio.sleep((time.monotonic() - began) * self._rest)

    async def _compacted(self, tenant: str) -> None:
        more = True
        while more:
            began = time.monotonic()
            done = await self._compact.compact_due(tenant)
            more = done.more
            if done.files_before:
                logger().info(
                    "lake compacted", tenant=tenant, files=done.files_before, size_bytes=done.bytes_after
                )
                await asyncio.sleep((time.monotonic() - began) * self._rest)
            await self._retire.remove_due()
