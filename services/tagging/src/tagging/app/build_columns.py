"""Keeps the mapped columns of events near the lake: builds them anew when enough of it is not in them."""

import asyncio
from collections.abc import Sequence
from typing import Protocol

from servicekit.database import Database
from sqlalchemy import Connection
from tagging.domain.lake import LakeFile
from tagging.store.event_read_ports import EventMarks, Mark
from tagging.store.ports import Manifest

LEAST_EVENTS = 100_000
"""Fewer events than this are read from the lake's files as fast as from a build."""
SHARE = 8
"""One part in so many outside the build, or gone from the lake, is worth a new one: while the lake grows, each event is
built a bounded number of times."""


class ColumnBuilder(Protocol):
    """Makes builds of mapped columns. Methods block."""

    def covered(self, tenant: str) -> frozenset[str]:
        """The files that the build which counts was made of; none when there is none."""
        ...

    def build(self, tenant: str, files: Sequence[LakeFile], mark: Mark) -> int:
        """Makes a build of these files the one that counts, atomically; returns how many events it holds. `mark`: up
        to where the files hold all that arrived."""
        ...

    def drop(self, tenant: str) -> None:
        """Removes the build and its files, durably."""
        ...


class BuildColumns:
    """`rewriting_lock` is shared with all who replace files: what is erased meanwhile would be built once more."""

    def __init__(
        self,
        database: Database,
        manifest: Manifest,
        marks: EventMarks,
        builder: ColumnBuilder,
        rewriting_lock: asyncio.Lock,
    ) -> None:
        self._database = database
        self._manifest = manifest
        self._marks = marks
        self._builder = builder
        self._lock = rewriting_lock

    async def build_due(self, tenant: str, least_events: int = LEAST_EVENTS) -> int:
        """Builds when it is worth it, and removes a build of a lake that has become small; returns how many events were
        built, 0 for none. Idempotent."""
        async with self._lock:
            files, mark = await self._database.read(self._files, tenant)
            covered = await asyncio.to_thread(self._builder.covered, tenant)
            if covered and _events(files) < least_events:
                await asyncio.to_thread(self._builder.drop, tenant)
                return 0
            if not due(files, covered, least_events):
                return 0
            return await asyncio.to_thread(self._builder.build, tenant, files, mark)

    def _files(self, connection: Connection, tenant: str) -> tuple[list[LakeFile], Mark]:
        """Of one snapshot."""
        return self._manifest.files(connection, tenant), self._marks.flushed(connection, tenant)


def due(files: Sequence[LakeFile], covered: frozenset[str], least_events: int) -> bool:
    """Whether a build is worth it, or holds a day that has expired: its events go with their files."""
    events = _events(files)
    outside = sum(file.event_count for file in files if file.path not in covered)
    gone = len(covered.difference(file.path for file in files)) * SHARE > len(covered) > 0
    expired = not {_day(path) for path in covered} <= {_day(file.path) for file in files}
    return events >= least_events and (outside * SHARE > events or gone or expired)


def _events(files: Sequence[LakeFile]) -> int:
    return sum(file.event_count for file in files)


def _day(path: str) -> str:
    """The folder of a file: one for each day."""
    return path.rpartition("/")[0]
