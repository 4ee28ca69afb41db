"""Pulls identity's changes: its Watch and exports as a source, the use cases as a sink."""

from collections.abc import AsyncIterator

import grpc
from huaxiang.identity.v1 import change_pb2, tenant_settings_service_pb2
from huaxiang.identity.v1 import change_service_pb2 as pb
from huaxiang.identity.v1.change_service_pb2_grpc import ChangeServiceStub
from huaxiang.identity.v1.tenant_settings_service_pb2_grpc import TenantSettingsServiceStub
from servicekit.consumer import Consumer
from servicekit.database import Database
from servicekit.grpc_source import GrpcSource
from servicekit.inbox import Batch
from servicekit.principal import TENANT_KEY
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision, parse_token
from tagging.app.apply_changes import ApplyChanges
from tagging.app.bootstrap import Bootstrap
from tagging.domain.dictionary import Dictionary
from tagging.domain.facts import EpochStated, FactChunk
from tagging.store.ports import Progress as FactProgress
from tagging.workers.identity_facts import event_of, facts_of, person_of, settings_of

SERVICE = "identity"
ASKED_TENANT = "default"
"""Settings are read of some tenant, to learn the epoch; one that identity never saw has default settings."""
Chunk = EpochStated | FactChunk


class RestoredMeanwhile(Exception):
    """identity's store was restored in the middle of a bootstrap: begin again."""


def identity_source(
    channel: grpc.aio.Channel, dictionary: Dictionary
) -> GrpcSource[change_pb2.Change, Chunk]:
    """identity's ChangeService over a channel with the service key."""
    changes = ChangeServiceStub(channel)
    settings = TenantSettingsServiceStub(channel)

    async def bootstrap() -> AsyncIterator[Chunk | Progress]:
        """Persons first: the revision of their export is the earlier one, so that watching from it misses
        nothing."""
        asked = await settings.GetTenantSettings(
            tenant_settings_service_pb2.GetTenantSettingsRequest(), metadata=((TENANT_KEY, ASKED_TENANT),)
        )
        epoch = parse_token(asked.revision.token).epoch
        yield EpochStated(epoch)
        ends: list[Revision] = []
        async for part in changes.ExportPersons(pb.ExportPersonsRequest()):
            if part.tenant:
                said = settings_of(part.settings) if part.HasField("settings") else None
                yield FactChunk(part.tenant, said, persons=tuple(map(person_of, part.persons)))
            if part.HasField("revision"):
                ends.append(parse_token(part.revision.token))
        async for events in changes.ExportEvents(pb.ExportEventsRequest()):
            if events.tenant:
                yield FactChunk(
                    events.tenant, events=tuple(event_of(each, dictionary) for each in events.events)
                )
            if events.HasField("revision"):
                ends.append(parse_token(events.revision.token))
        if any(end.epoch != epoch for end in ends):
            raise RestoredMeanwhile
        yield Progress(ends[0])

    def watch(after: Revision, lane: Lane) -> object:
        return changes.Watch(pb.WatchRequest(after=after.to_proto(), lane=lane.value))  # type: ignore[arg-type]

    return GrpcSource(SERVICE, watch=watch, bootstrap=bootstrap)


class FactSink:
    """Stores batches and bootstraps through the use cases, one transaction each."""

    def __init__(
        self,
        database: Database,
        progress: FactProgress,
        apply_changes: ApplyChanges,
        bootstrap: Bootstrap,
        dictionary: Dictionary,
    ) -> None:
        self._database = database
        self._progress = progress
        self._apply_changes = apply_changes
        self._bootstrap = bootstrap
        self._dictionary = dictionary
        self._epoch_number = 0

    async def load_cursor(self) -> Revision | None:
        return await self._database.read(self._progress.cursor)

    async def begin_bootstrap(self) -> None:
        await self._database.write(self._bootstrap.begin)

    async def apply_bootstrap_chunk(self, chunk: Chunk) -> None:
        if isinstance(chunk, EpochStated):
            self._epoch_number = await self._database.write(self._bootstrap.epoch, chunk.epoch)
        else:
            await self._database.write(self._bootstrap.chunk, chunk, self._epoch_number)

    async def finish_bootstrap(self, progress: Progress) -> None:
        while await self._database.write(self._bootstrap.end_missing, self._epoch_number):
            continue
        while await self._database.write(self._bootstrap.compute):
            continue
        await self._database.write(self._bootstrap.finish, progress)

    async def apply(self, batch: Batch[change_pb2.Change]) -> None:
        facts = facts_of(batch.changes, self._dictionary)
        await self._database.write(self._apply_changes, facts, batch.lane, batch.progress.through)


def identity_consumer(
    source: GrpcSource[change_pb2.Change, Chunk], sink: FactSink
) -> Consumer[change_pb2.Change, Chunk]:
    """The consumer that keeps the facts up to date."""
    return Consumer(SERVICE, source, sink)
