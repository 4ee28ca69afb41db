"""A scripted identity, the outside world of this service at its wire, and a tagging served over it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import (
    change_pb2,
    change_service_pb2,
    change_service_pb2_grpc,
    identifier_pb2,
    person_pb2,
    tenant_settings_pb2,
    tenant_settings_service_pb2,
    tenant_settings_service_pb2_grpc,
)
from huaxiang.type.v1 import value_pb2
from servicekit.changelog import Changelog, Entry
from servicekit.clock import SystemClock
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.kit_tables import kit_tables
from servicekit.retention import trim
from servicekit.revision import LANES, Lane, Revision, from_proto
from servicekit.server import Service
from servicekit.testing.servers import LocalServer, serving
from servicekit.watch import Watches
from tagging.config import Config
from tagging.main import Store, identity_channel, open_store, wire_facts

KNOWN, MEMBER, REDIRECTED = (
    person_pb2.PERSON_STATE_KNOWN,
    person_pb2.PERSON_STATE_MEMBER,
    person_pb2.PERSON_STATE_REDIRECTED,
)


def person(
    person_id: int, *keys: int, state: int = KNOWN, to: int = 0, **attributes: str
) -> change_pb2.Change:
    said = person_pb2.Person(
        person_id=person_id,
        state=state,
        redirect_person_id=to,
        keys=[identifier_pb2.Key(key_id=key) for key in keys],
        birth_hash=person_id * 7,
        attributes={name: value_pb2.Value(text_value=text) for name, text in attributes.items()},
    )
    return change_pb2.Change(tenant="t1", person=said)


def event(
    sequence: int, key: int, *, amount: int = 10_000, type_: str = "order_paid", second: int = 0
) -> change_pb2.Change:
    said = change_pb2.ResolvedEvent(
        ingest_sequence=sequence,
        source="shop",
        event_id=f"e{sequence}",
        type=type_,
        time=Timestamp(seconds=1_770_000_000 + second),
        anchor_key_id=key,
        properties={"amount": value_pb2.Value(number_value=amount)},
    )
    return change_pb2.Change(tenant="t1", event=said)


def settings(time_zone: str) -> change_pb2.Change:
    return change_pb2.Change(tenant="t1", settings=tenant_settings_pb2.TenantSettings(time_zone=time_zone))


@dataclass
class ScriptedIdentity(
    change_service_pb2_grpc.ChangeServiceServicer,
    tenant_settings_service_pb2_grpc.TenantSettingsServiceServicer,
):
    """identity's ChangeService over a script: what `say` was told, watched and exported by the contract.

    `break_at_event`: the next export of events breaks off before this sequence, once. `watched`: how often a Watch was
    opened.
    """

    folder: Path
    script: list[change_pb2.Change] = field(default_factory=list)
    acknowledged: list[change_service_pb2.AcknowledgeChangesRequest] = field(default_factory=list)
    heard: asyncio.Event = field(default_factory=asyncio.Event)
    exports: int = 0
    watched: int = 0
    break_at_event: int = 0
    target: str = ""

    def __post_init__(self) -> None:
        self.database = Database.open(f"sqlite:///{self.folder / 'identity.db'}", synchronous="NORMAL")
        metadata = sa.MetaData()
        kit_tables(metadata)
        self.database.write_now(metadata.create_all)
        self.changelog = Changelog("identity")
        self.database.write_now(self.changelog.create)
        self.watches = Watches(self.database, self.changelog, heartbeat_s=0.1)

    def say(self, *changes: change_pb2.Change, lane: Lane = Lane.LIVE) -> Revision:
        """One transaction of identity."""

        def entry(change: change_pb2.Change) -> Entry:
            def payload(position: int) -> bytes:
                change.position = position
                if change.HasField("person"):
                    change.person.version = position
                return change.SerializeToString()

            return Entry(change.WhichOneof("change") or "", change.tenant, payload)

        revision = self.database.write_now(self.changelog.append, lane, [entry(change) for change in changes])
        self.script += changes
        return revision

    def forget(self) -> None:
        """Trims the whole changelog."""
        self.database.write_now(trim, self.changelog, keep_after_machine_time_ms=2**60)

    def restore(self, position: int) -> None:
        """Goes back to a backup made at this position."""

        def cut(connection: sa.Connection) -> None:
            execute(connection, "DELETE FROM changelog WHERE position > ?", (position,))
            execute(
                connection,
                "UPDATE changelog_head SET position = ?, live_position = ?, bulk_position = ?",
                (position,) * 3,
            )
            self.changelog.new_epoch(connection)

        self.database.write_now(cut)
        self.script = [change for change in self.script if change.position <= position]

    def revision(self) -> Revision:
        return self.database.read_now(self.changelog.head).progress("identity").through

    async def Watch(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.watched += 1
        lanes = (Lane(request.lane),) if request.lane else LANES
        async for batch in self.watches.watch(from_proto(request.after), lanes=lanes):
            changes = [change_pb2.Change.FromString(entry.payload) for entry in batch.entries]
            for change, entry in zip(changes, batch.entries, strict=True):
                change.traceparent = entry.traceparent or ""
            yield change_service_pb2.WatchResponse(
                changes=changes, lane=int(batch.lane), progress=batch.progress.to_proto()
            )

    async def ExportPersons(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        self.exports += 1
        latest = {
            change.person.person_id: change.person for change in self.script if change.HasField("person")
        }
        said = [change.settings for change in self.script if change.HasField("settings")]
        yield change_service_pb2.ExportPersonsResponse(
            tenant="t1",
            settings=said[-1] if said else tenant_settings_pb2.TenantSettings(time_zone="Asia/Shanghai"),
            persons=[latest[person_id] for person_id in sorted(latest)],
        )
        yield change_service_pb2.ExportPersonsResponse(revision=self.revision().to_proto())

    async def ExportEvents(self, request: Any, context: Any) -> AsyncIterator[Any]:  # noqa: N802
        events = [change.event for change in self.script if change.HasField("event")]
        for one in sorted(events, key=lambda each: each.ingest_sequence):
            if one.ingest_sequence == self.break_at_event:
                self.break_at_event = 0
                raise OSError("the line broke")
            yield change_service_pb2.ExportEventsResponse(tenant="t1", events=[one])
        yield change_service_pb2.ExportEventsResponse(revision=self.revision().to_proto())

    async def AcknowledgeChanges(self, request: Any, context: Any) -> Any:  # noqa: N802
        self.acknowledged.append(request)
        self.heard.set()
        return change_service_pb2.AcknowledgeChangesResponse()

    async def GetTenantSettings(self, request: Any, context: Any) -> Any:  # noqa: N802
        return tenant_settings_service_pb2.GetTenantSettingsResponse(revision=self.revision().to_proto())

    def services(self) -> list[Service]:
        return [
            Service(
                change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
                change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
                self,
            ),
            Service(
                tenant_settings_service_pb2.DESCRIPTOR.services_by_name["TenantSettingsService"],
                tenant_settings_service_pb2_grpc.add_TenantSettingsServiceServicer_to_server,
                self,
            ),
        ]


@dataclass
class RunningTagging:
    """A served tagging with its workers."""

    store: Store
    server: LocalServer

    async def reach(self, revision: Revision) -> None:
        """Waits until the facts at or before the revision are stored."""
        loop = asyncio.get_running_loop()
        await self.store.facts_freshness().reach(revision, loop.time() + 20)


@asynccontextmanager
async def running(
    url: str, folder: Path, identity_target: str, **settings: Any
) -> AsyncIterator[RunningTagging]:
    """A tagging over this store and folder, as a process would start it."""
    database = Database.open(url, synchronous="NORMAL")
    store = open_store(database, folder, SystemClock())
    channel = identity_channel(identity_target, "key-of-service")
    config = Config(keys=folder, service_key_file=folder, **settings)
    part = wire_facts(store, channel, config)
    workers = [asyncio.ensure_future(worker()) for worker in part.workers]
    try:
        async with serving(part.services, folder) as server:
            yield RunningTagging(store, server)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        await channel.close()
        await database.close()


Start = Callable[[], Any]
