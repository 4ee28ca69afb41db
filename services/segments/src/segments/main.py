"""Wires segments: ports meet adapters here and nowhere else."""

import os
import uuid
from pathlib import Path

from huaxiang.segments.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    membership_service_pb2,
    membership_service_pb2_grpc,
    segment_service_pb2,
    segment_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)
from huaxiang.tagging.v1 import event_type_service_pb2, feature_service_pb2, portrait_service_pb2
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.clock import clock_from
from servicekit.config import read
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.logging import configure
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.retention import keep_trimmed
from servicekit.server import Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from servicekit.watch import Watches

from segments.api import render
from segments.api.change_servicer import ChangeServicer
from segments.api.membership_servicer import MembershipServicer
from segments.api.segment_servicer import SegmentServicer
from segments.api.snapshot_servicer import SnapshotServicer
from segments.app.apply_changes import ApplyChanges
from segments.app.board import SERVICE, Board
from segments.app.membership import Membership
from segments.app.preview import Preview
from segments.app.segments import Segments
from segments.app.snapshots import Snapshots
from segments.config import Config
from segments.index.narrowed import WithFeatures
from segments.index.tenant import TagIndexes
from segments.store.sql_dictionary import SqlDictionaryStore
from segments.store.sql_index import SqlIndexStore
from segments.store.sql_journal import SqlJournal
from segments.store.sql_segments import SqlSegmentStore, SqlSnapshotStore
from segments.workers.tagging_calls import DictionaryRefresh, TaggingExplain, TaggingFeatures
from segments.workers.tagging_pull import TagSink, tagging_consumer, tagging_source

MIGRATIONS = Path(__file__).parents[2] / "migrations"
SOURCES = {"tagging": ("tagging", "identity")}


async def build() -> ServiceApp:
    """The service as the environment describes it."""
    configure(SERVICE)
    install(tracer_from_environment(SERVICE, os.environ))
    config = read(Config, os.environ)
    authenticator = KeyFileAuthenticator(config.keys)
    key = config.service_key()
    database = Database.open(config.store_url, synchronous=config.synchronous)
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE, sources=SOURCES)
    database.write_now(changelog.create)
    channel = connect(
        config.tagging_target,
        key=key,
        services=(
            feature_service_pb2.DESCRIPTOR.services_by_name["FeatureService"],
            event_type_service_pb2.DESCRIPTOR.services_by_name["EventTypeService"],
            portrait_service_pb2.DESCRIPTOR.services_by_name["PortraitService"],
        ),
    )
    journal = SqlJournal(changelog, render.movement_payload, render.segment_payload, render.deletion_payload)
    board = Board(
        database=database,
        indexes=TagIndexes(),
        index_store=SqlIndexStore(),
        segment_store=SqlSegmentStore(),
        dictionary_store=SqlDictionaryStore(),
        journal=journal,
        clock=clock_from(config.clock),
    )
    await board.load()
    features = TaggingFeatures(channel)
    freshness = Freshness.of_store(database, changelog)
    sink = TagSink(database, journal, ApplyChanges(board, TagIndexes))
    consumer = tagging_consumer(tagging_source(channel), sink)

    async def trim() -> None:
        await keep_trimmed(
            database, changelog, keep_s=config.changelog_keep_s, max_bytes=config.changelog_max_bytes
        )

    async def close_channel() -> None:
        await channel.close()

    return ServiceApp(
        name=SERVICE,
        services=_services(board, features, TaggingExplain(channel), freshness, Watches(database, changelog)),
        authenticator=authenticator,
        port=config.port,
        host=config.host,
        workers=(consumer.run, DictionaryRefresh(board, features, channel).run, trim),
        on_stop=(close_channel, database.close),
    )


def _services(
    board: Board,
    features: TaggingFeatures,
    explain: TaggingExplain,
    freshness: Freshness,
    watches: Watches,
) -> list[Service]:
    preview = Preview(board, features, WithFeatures)
    snapshots = Snapshots(board, SqlSnapshotStore(), lambda: uuid.uuid4().hex)
    return [
        Service(
            segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
            segment_service_pb2_grpc.add_SegmentServiceServicer_to_server,
            SegmentServicer(board, Segments(board, features), preview, freshness),
        ),
        Service(
            membership_service_pb2.DESCRIPTOR.services_by_name["MembershipService"],
            membership_service_pb2_grpc.add_MembershipServiceServicer_to_server,
            MembershipServicer(board, Membership(board), explain, freshness),
        ),
        Service(
            snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
            snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server,
            SnapshotServicer(board, snapshots, board.database, freshness),
        ),
        Service(
            change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
            change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
            ChangeServicer(watches),
        ),
    ]


def main() -> int:
    """Serves until told to stop; returns the exit code."""
    return serve(build)
