"""Pulls tagging's changes: its Watch and export as a source, the use case as a sink."""

import asyncio
from collections.abc import AsyncIterator, Sized
from typing import Protocol

import grpc
from huaxiang.tagging.v1 import change_pb2
from huaxiang.tagging.v1 import change_service_pb2 as pb
from huaxiang.tagging.v1.change_service_pb2_grpc import ChangeServiceStub
from segments.api import parse
from segments.app.apply_changes import ApplyChanges
from segments.domain.changes import Change
from segments.store.ports import Journal
from servicekit.consumer import Consumer
from servicekit.database import Database
from servicekit.errors import HistoryGone
from servicekit.grpc_source import GrpcSource
from servicekit.inbox import Batch
from servicekit.progress import Progress, progress_from_proto
from servicekit.revision import Lane, Revision

SERVICE = "tagging"
GATHERS = 3.0
"""So most of what a batch costs by columns and segments is shared, and questions have their turn."""
Chunk = tuple[Change, ...]


class Damages(Sized, Protocol):
    """Files of the index that are not what was written."""

    def clear(self) -> None:
        """Their columns have been told anew."""
        ...


def tagging_source(channel: grpc.aio.Channel) -> GrpcSource[change_pb2.Change, Chunk]:
    """tagging's ChangeService over a channel with the service key."""
    stub = ChangeServiceStub(channel)

    async def bootstrap() -> AsyncIterator[Chunk | Progress]:
        async for part in stub.ExportTagIndex(pb.ExportTagIndexRequest()):
            if part.tenant:
                yield tuple(parse.exported(part))
            if part.HasField("progress"):
                yield progress_from_proto(part.progress)

    def watch(after: Revision, lane: Lane) -> object:
        return stub.Watch(pb.WatchRequest(after=after.to_proto(), lane=lane.value))  # type: ignore[arg-type]

    return GrpcSource(SERVICE, watch=watch, bootstrap=bootstrap)


class TagSink:
    """Applies batches and bootstraps through the use case."""

    def __init__(
        self, database: Database, journal: Journal, apply_changes: ApplyChanges, damages: Damages
    ) -> None:
        self._database = database
        self._journal = journal
        self._apply_changes = apply_changes
        self._damages = damages

    async def load_cursor(self) -> Revision | None:
        return await self._database.read(self._journal.cursor)

    async def begin_bootstrap(self) -> None:
        await self._apply_changes.begin_bootstrap()

    async def apply_bootstrap_chunk(self, chunk: Chunk) -> None:
        await asyncio.to_thread(self._apply_changes.take_chunk, chunk)

    async def finish_bootstrap(self, progress: Progress) -> None:
        await self._apply_changes.finish_bootstrap(progress)
        self._damages.clear()

    async def apply(self, batch: Batch[change_pb2.Change]) -> None:
        """Raises HistoryGone when files of the index are damaged: what they held is told anew."""
        if self._damages:
            raise HistoryGone(0, f"{len(self._damages)} files of columns are damaged")
        changes = [change for message in batch.changes if (change := parse.change(message)) is not None]
        await self._apply_changes.apply(batch.lane, changes, batch.progress)


def tagging_consumer(
    source: GrpcSource[change_pb2.Change, Chunk], sink: TagSink
) -> Consumer[change_pb2.Change, Chunk]:
    """The consumer that keeps the index up to date."""
    return Consumer(SERVICE, source, sink, gathers=GATHERS)
