"""A toy service on the kit: items by name, a copy of the items to its left, and all that the suite
promises."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
import toy_proto as pb
from servicekit.calls import current_principal
from servicekit.changelog import Changelog, Entry
from servicekit.consumer import Consumer
from servicekit.database import Database
from servicekit.driver_sql import execute, execute_many
from servicekit.errors import InvalidField, ResourceNotFound
from servicekit.freshness import Freshness
from servicekit.grpc_source import GrpcSource
from servicekit.kit_tables import kit_tables
from servicekit.progress import progress_from_proto
from servicekit.revision import LANES, Lane, from_proto
from servicekit.server import Service
from servicekit.upstream import advance, cursor, forget
from servicekit.watch import Watches

metadata = sa.MetaData()
kit_tables(metadata)
items = sa.Table(
    "items",
    metadata,
    sa.Column("tenant", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("seen", sa.Boolean, nullable=False),
)
_PUT = (
    "INSERT INTO items (tenant, name, value, version, seen) VALUES (?, ?, ?, ?, true) "
    "ON CONFLICT (tenant, name) "
    "DO UPDATE SET value = excluded.value, version = excluded.version, seen = true "
    "WHERE excluded.version >= items.version"
)


def payload(tenant, name, value):
    """An entry whose payload carries its own position."""
    return Entry(
        "item",
        tenant,
        lambda position: pb.Change(
            tenant=tenant, position=position, name=name, value=value
        ).SerializeToString(),
    )


@dataclass
class ToyStore:
    """One toy service's database and changelog."""

    database: Database
    changelog: Changelog

    @classmethod
    def open(cls, url, service="toy", sources=None, **options):
        database = Database.open(url, **options)
        changelog = Changelog(service, sources=sources)
        database.write_now(metadata.create_all)
        database.write_now(changelog.create)
        return cls(database, changelog)

    def put(self, connection, tenant, lane, pairs):
        """Writes items and their changes; the use case of PutItem."""
        revision = self.changelog.append(
            connection, lane, [payload(tenant, name, value) for name, value in pairs]
        )
        version = revision.position(lane)
        execute_many(connection, _PUT, [(tenant, name, value, version) for name, value in pairs])
        return revision

    def all_items(self, connection):
        rows = execute(connection, "SELECT tenant, name, value FROM items ORDER BY tenant, name").all()
        return {(tenant, name): value for tenant, name, value in rows}


class ToyServicer:
    """The api layer: parse, use case, render."""

    def __init__(self, store: ToyStore):
        self.store = store
        self.watches = Watches(store.database, store.changelog)
        self.freshness = Freshness.of_store(store.database, store.changelog)

    async def PutItem(self, request, context):  # noqa: N802
        if not request.name:
            raise InvalidField("name", "is empty")
        revision = await self.store.database.write(
            self.store.put,
            current_principal().require_tenant(),
            Lane(request.lane or Lane.LIVE),
            [(request.name, request.value)],
        )
        return pb.PutItemResponse(revision=revision.to_proto())

    async def GetItem(self, request, context):  # noqa: N802
        await self.freshness.ensure(request.consistency)
        tenant = current_principal().require_tenant()
        row = await self.store.database.read(
            lambda connection: execute(
                connection,
                "SELECT value, version FROM items WHERE tenant = ? AND name = ?",
                (tenant, request.name),
            ).first()
        )
        if row is None:
            raise ResourceNotFound(f"item {request.name}")
        return pb.GetItemResponse(name=request.name, value=row[0], position=row[1], tenant=tenant)

    async def Watch(self, request, context):  # noqa: N802
        lanes = (Lane(request.lane),) if request.lane else LANES
        async for batch in self.watches.watch(from_proto(request.after), lanes=lanes):
            changes = []
            for entry in batch.entries:
                change = pb.Change.FromString(entry.payload)
                change.traceparent = entry.traceparent or ""
                changes.append(change)
            yield pb.WatchResponse(changes=changes, lane=int(batch.lane), progress=batch.progress.to_proto())

    async def ExportItems(self, request, context):  # noqa: N802
        async for chunk in self.store.database.stream(self._export):
            yield chunk

    def _export(self, connection):
        head = self.store.changelog.head(connection)
        progress = head.progress(self.store.changelog.service)
        rows = execute(connection, "SELECT tenant, name, value FROM items").all()
        for start in range(0, len(rows), 500):
            yield pb.ExportItemsResponse(
                changes=[
                    # A position is one of this store: the version it has from the left is another's.
                    pb.Change(tenant=tenant, name=name, value=value, position=head.position)
                    for tenant, name, value in rows[start : start + 500]
                ]
            )
        yield pb.ExportItemsResponse(progress=progress.to_proto())


class ToySink:
    """Keeps a copy of the items to the left, and publishes what it applies to the same lane."""

    def __init__(self, store: ToyStore, consumer: str, service: str):
        self.store, self.consumer, self.service = store, consumer, service
        self.applied = []

    async def load_cursor(self):
        return await self.store.database.read(cursor, self.consumer, self.service)

    async def begin_bootstrap(self):
        def begin(connection):
            forget(connection, self.consumer)
            execute(connection, "UPDATE items SET seen = false")

        await self.store.database.write(begin)

    async def apply_bootstrap_chunk(self, chunk):
        def replace(connection):
            keys = [(change.tenant, change.name) for change in chunk.changes]
            execute_many(connection, "DELETE FROM items WHERE tenant = ? AND name = ?", keys)
            execute_many(connection, _PUT, self._rows(chunk.changes))

        await self.store.database.write(replace)

    async def finish_bootstrap(self, progress):
        def finish(connection):
            execute(connection, "DELETE FROM items WHERE NOT seen")
            self.store.changelog.finish_bootstrap(connection, self.consumer, progress)

        await self.store.database.write(finish)

    async def apply(self, batch):
        def apply(connection):
            execute_many(connection, _PUT, self._rows(batch.changes))
            advance(connection, self.consumer, batch.lane, batch.progress.through, batch.progress.upstream)
            touched = dict.fromkeys((change.tenant, change.name) for change in batch.changes)
            stored = self.store.all_items(connection)
            self.store.changelog.append(
                connection, batch.lane, [payload(*key, stored[key]) for key in touched]
            )

        await self.store.database.write(apply)
        self.applied += [(batch.lane, change.position) for change in batch.changes]

    def _rows(self, changes):
        return [(c.tenant, c.name, c.value, c.position) for c in changes]


def toy_source(channel, service="toy"):
    """A toy service to the left, over gRPC."""
    stub = pb.ToyStub(channel)

    async def bootstrap():
        async for message in stub.ExportItems(pb.ExportItemsRequest()):
            if message.HasField("progress"):
                yield progress_from_proto(message.progress)
            else:
                yield message

    return GrpcSource(
        service,
        watch=lambda after, lane: stub.Watch(pb.WatchRequest(after=after.to_proto(), lane=int(lane))),
        bootstrap=bootstrap,
    )


def toy_service(servicer):
    """The servicer as the kit's server takes it."""
    return Service(pb.TOY_SERVICE, pb.add_to_server, servicer)


@asynccontextmanager
async def consuming(consumer: Consumer):
    """Runs a consumer beside a block."""
    task = asyncio.ensure_future(consumer.run())
    try:
        yield consumer
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
