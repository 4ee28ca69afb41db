"""Wires segments: ports meet adapters here and nowhere else."""

import datetime as dt
import os
import uuid
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from secrets import randbits
from typing import Any

import grpc
from huaxiang.identity.v1 import (
    identifier_service_pb2,
    person_service_pb2,
    policy_service_pb2,
    privacy_service_pb2,
)
from huaxiang.segments.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    insight_service_pb2,
    insight_service_pb2_grpc,
    lookalike_service_pb2,
    lookalike_service_pb2_grpc,
    membership_service_pb2,
    plan_service_pb2,
    plan_service_pb2_grpc,
    segment_service_pb2,
    segment_service_pb2_grpc,
    snapshot_service_pb2,
    snapshot_service_pb2_grpc,
)
from huaxiang.segments.v1 import privacy_service_pb2 as own_privacy_service_pb2
from huaxiang.segments.v1 import privacy_service_pb2_grpc as own_privacy_service_pb2_grpc
from huaxiang.tagging.v1 import (
    behaviour_service_pb2,
    event_type_service_pb2,
    feature_service_pb2,
    portrait_service_pb2,
    tag_life_service_pb2,
    tag_service_pb2,
    tag_use_service_pb2,
    value_service_pb2,
)
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.clock import Clock, clock_from
from servicekit.config import read
from servicekit.consumer import ConsumerState
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.logging import configure
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.retention import KEEP_BYTES, KEEP_S, keep_trimmed
from servicekit.server import Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from servicekit.watch import Watches

from segments.api import render
from segments.api.change_servicer import ChangeServicer
from segments.api.insight_servicer import InsightServicer
from segments.api.lookalike_servicer import LookalikeServicer
from segments.api.membership_servicer import MembershipServicer, add_memberships
from segments.api.plan_servicer import PlanServicer
from segments.api.privacy_servicer import PrivacyServicer
from segments.api.segment_servicer import SegmentServicer
from segments.api.snapshot_servicer import SnapshotServicer
from segments.app.age import AgeSegments
from segments.app.apply_changes import ApplyChanges
from segments.app.awaited_forms import AwaitedForms
from segments.app.debts import FileDebts
from segments.app.explain_plan import ExplainPlan
from segments.app.export_person_data import ExportPersonData
from segments.app.exports import MemberExports
from segments.app.insight.audiences import Audiences
from segments.app.insight.compare import Compare
from segments.app.insight.describe import Describe
from segments.app.insight.desk import Desk
from segments.app.insight.lookalike import Lookalike
from segments.app.insight.overlap import Overlap
from segments.app.insight.past_values import PastValues
from segments.app.insight.transition import CountTransitions
from segments.app.keep_days import KeepDays
from segments.app.learn import LearnDictionary
from segments.app.load import load
from segments.app.membership import Membership
from segments.app.preview import Preview
from segments.app.recycling import Recycling
from segments.app.runs import RunDesk
from segments.app.segments import Segments
from segments.app.settle_columns import SettleColumns
from segments.app.snapshots import Snapshots
from segments.app.version import SERVICE
from segments.behaviour_wiring import wire_behaviour
from segments.config import COLUMNS_BYTES, Config
from segments.domain.exports import SEED_BITS
from segments.domain.segment import Snapshot
from segments.index.column_files import LazyColumnFiles
from segments.index.damages import Damages
from segments.index.descriptors import ask_for_more
from segments.index.narrowed import WithFeatures
from segments.index.plain import column_of
from segments.index.tag_columns import BlockColumns
from segments.index.tenant import TenantIndex
from segments.index_wiring import wire_index
from segments.life_wiring import life_services
from segments.run_wiring import run_services
from segments.store.ports import Stores
from segments.store.sql_days import SqlSegmentDays
from segments.store.sql_dictionary import SqlDictionaryStore
from segments.store.sql_exports import SqlExports
from segments.store.sql_folders import SqlFolderStore
from segments.store.sql_frozen import SqlFrozenMembers
from segments.store.sql_index import SqlIndexStore
from segments.store.sql_journal import SqlJournal
from segments.store.sql_manifests import SqlColumnManifests
from segments.store.sql_recycle_bin import SqlRecycleBin
from segments.store.sql_runs import SqlRuns
from segments.store.sql_segments import SqlSegmentStore, SqlSnapshotStore
from segments.store.sql_uses import SqlSegmentUses
from segments.store.sql_versions import SqlSegmentVersions
from segments.workers.board import VersionBoard
from segments.workers.definitions import Definitions
from segments.workers.erasures import ErasureConfirming
from segments.workers.tag_use import TagUse
from segments.workers.tagging_behaviour import TaggingBehaviour
from segments.workers.tagging_calls import TaggingExplain, TaggingFeatures
from segments.workers.tagging_pull import TagSink, tagging_consumer, tagging_source
from segments.workers.tagging_value_changes import TaggingValueChanges
from segments.workers.upkeep import Keeping, forgetting, settling, upkeep

MIGRATIONS = Path(__file__).parent / "migrations"
SOURCES = {"tagging": ("tagging", "identity")}
CALLED = (
    behaviour_service_pb2.DESCRIPTOR.services_by_name["BehaviourService"],
    feature_service_pb2.DESCRIPTOR.services_by_name["FeatureService"],
    event_type_service_pb2.DESCRIPTOR.services_by_name["EventTypeService"],
    portrait_service_pb2.DESCRIPTOR.services_by_name["PortraitService"],
    tag_service_pb2.DESCRIPTOR.services_by_name["TagService"],
    tag_life_service_pb2.DESCRIPTOR.services_by_name["TagLifeService"],
    tag_use_service_pb2.DESCRIPTOR.services_by_name["TagUseService"],
    value_service_pb2.DESCRIPTOR.services_by_name["ValueService"],
)
"""What is called of tagging beside its Watch."""
ASKED_OF_IDENTITY = (
    identifier_service_pb2.DESCRIPTOR.services_by_name["IdentifierService"],
    policy_service_pb2.DESCRIPTOR.services_by_name["PolicyService"],
    privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
    person_service_pb2.DESCRIPTOR.services_by_name["PersonService"],
)


@dataclass(frozen=True)
class Wiring:
    """A service over an open store and a channel to tagging. `workers` run until cancelled."""

    services: Sequence[Service]
    workers: Sequence[Callable[[], Coroutine[Any, Any, None]]]
    board: VersionBoard
    consumer: ConsumerState


async def wire(
    database: Database,
    channel: grpc.aio.Channel,
    clock: Clock,
    *,
    identity: grpc.aio.Channel | None = None,
    changelog_keep_s: float = KEEP_S,
    changelog_max_bytes: int = KEEP_BYTES,
    keeping: Keeping | None = None,
    columns: Path | None = None,
    columns_bytes: int = COLUMNS_BYTES,
    export_row_limit: int = 0,
) -> Wiring:
    """Brings the store to this release and memory to the store. Without a channel to identity no erasure is confirmed;
    without a folder for columns those of large tenants are in no files; without a row limit every export waits for
    somebody else."""
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE, sources=SOURCES)
    database.write_now(changelog.create)
    journal = SqlJournal(changelog, render.movement_payload, render.segment_payload, render.deletion_payload)
    stores = Stores(
        index=SqlIndexStore(),
        segments=SqlSegmentStore(),
        folders=SqlFolderStore(),
        versions=SqlSegmentVersions(),
        days=SqlSegmentDays(),
        frozen=SqlFrozenMembers(),
        recycle_bin=SqlRecycleBin(SqlSegmentVersions()),
        uses=SqlSegmentUses(),
        dictionary=SqlDictionaryStore(),
        manifests=SqlColumnManifests(),
        journal=journal,
    )
    damages = Damages()
    files = None if columns is None else LazyColumnFiles(columns, columns_bytes, damages)
    board = VersionBoard(database, stores, await database.read(load, stores, TenantIndex, files))
    freshness = Freshness(changelog, board.head, board.commits)
    features = TaggingFeatures(channel)
    sink = TagSink(database, journal, ApplyChanges(board, stores, clock.now, TenantIndex), damages)
    consumer = tagging_consumer(tagging_source(channel), sink)
    awaited = AwaitedForms()
    definitions = Definitions(
        board, LearnDictionary(board, stores), features, awaited, freshness, consumer.state, channel
    )
    kept_snapshots = SqlSnapshotStore()
    snapshots = Snapshots(kept_snapshots, lambda: uuid.uuid4().hex, clock.now)
    segments = Segments(board, stores, features, awaited, definitions, clock.now)
    recycling = Recycling(board, stores, clock.now)
    preview = Preview(board, features, definitions, column_of, WithFeatures, clock.now)

    async def kept_snapshot(tenant: str, snapshot_id: str) -> Snapshot:
        return await database.read(snapshots.get, tenant, snapshot_id)

    past = PastValues(TaggingValueChanges(channel), BlockColumns())
    desk = Desk(board)
    explain_plan = ExplainPlan(board, desk, preview, definitions, WithFeatures, clock.now)
    behaviour = TaggingBehaviour(channel)
    audiences = Audiences(board, preview, definitions, kept_snapshot, past, behaviour)
    lookalike = Lookalike(desk, audiences, BlockColumns(), clock.now)
    runs = RunDesk(database, SqlRuns(), lambda: uuid.uuid4().hex, clock.machine_now)
    await runs.end_all()
    exports = MemberExports(
        SqlExports(),
        BlockColumns(),
        desk,
        lambda: uuid.uuid4().hex,
        lambda: randbits(SEED_BITS),
        clock.now,
        export_row_limit,
    )
    settle = None if files is None else SettleColumns(board, database, stores, files)
    confirming = (
        [] if identity is None else [ErasureConfirming(identity, freshness, FileDebts(board, settle)).run]
    )

    async def trim() -> None:
        await keep_trimmed(database, changelog, keep_s=changelog_keep_s, max_bytes=changelog_max_bytes)

    return Wiring(
        services=[
            *_services(
                SegmentServicer(board, segments, preview, freshness),
                MembershipServicer(board, Membership(clock.now), TaggingExplain(channel), freshness),
                SnapshotServicer(board, segments, snapshots, database, journal, freshness),
                _insight(desk, audiences, freshness, clock.now),
                LookalikeServicer(lookalike, freshness),
                PlanServicer(explain_plan, freshness),
                ChangeServicer(Watches(database, changelog)),
                PrivacyServicer(ExportPersonData(board)),
            ),
            wire_behaviour(desk, audiences, behaviour, freshness, clock.now),
            wire_index(board, database, stores, files, freshness, clock.now),
            *life_services(
                board,
                database,
                stores,
                kept_snapshots,
                segments,
                preview,
                recycling,
                channel,
                clock.now,
            ),
            *run_services(board, segments, awaited, lookalike, runs, exports, database, identity),
        ],
        workers=(
            consumer.run,
            definitions.run,
            TagUse(board, channel).run,
            trim,
            runs.run,
            *forgetting(database, runs, exports),
            *confirming,
            *([] if settle is None else [settling(settle)]),
            *upkeep(
                database,
                stores.index,
                AgeSegments(board, stores, clock.now),
                snapshots,
                KeepDays(stores.days, clock.now),
                recycling,
                board,
                machine_now=clock.machine_now,
                keeping=keeping or Keeping(),
            ),
        ),
        board=board,
        consumer=consumer.state,
    )


def _insight(
    desk: Desk, audiences: Audiences, freshness: Freshness, now: Callable[[], dt.datetime]
) -> InsightServicer:
    columns = BlockColumns()
    return InsightServicer(
        Describe(desk, audiences, columns, now),
        Compare(desk, audiences, columns, now),
        Overlap(desk, audiences, now),
        CountTransitions(desk, audiences, now),
        freshness,
    )


def _services(
    segments: SegmentServicer,
    membership: MembershipServicer,
    snapshots: SnapshotServicer,
    insight: InsightServicer,
    lookalike: LookalikeServicer,
    plans: PlanServicer,
    changes: ChangeServicer,
    privacy: PrivacyServicer,
) -> list[Service]:
    return [
        Service(
            segment_service_pb2.DESCRIPTOR.services_by_name["SegmentService"],
            segment_service_pb2_grpc.add_SegmentServiceServicer_to_server,
            segments,
        ),
        Service(
            membership_service_pb2.DESCRIPTOR.services_by_name["MembershipService"],
            add_memberships,
            membership,
        ),
        Service(
            snapshot_service_pb2.DESCRIPTOR.services_by_name["SnapshotService"],
            snapshot_service_pb2_grpc.add_SnapshotServiceServicer_to_server,
            snapshots,
        ),
        Service(
            insight_service_pb2.DESCRIPTOR.services_by_name["InsightService"],
            insight_service_pb2_grpc.add_InsightServiceServicer_to_server,
            insight,
        ),
        Service(
            lookalike_service_pb2.DESCRIPTOR.services_by_name["LookalikeService"],
            lookalike_service_pb2_grpc.add_LookalikeServiceServicer_to_server,
            lookalike,
        ),
        Service(
            plan_service_pb2.DESCRIPTOR.services_by_name["PlanService"],
            plan_service_pb2_grpc.add_PlanServiceServicer_to_server,
            plans,
        ),
        Service(
            change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
            change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
            changes,
        ),
        Service(
            own_privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
            own_privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
            privacy,
        ),
    ]


async def build() -> ServiceApp:
    """The service as the environment describes it."""
    configure(SERVICE)
    install(tracer_from_environment(SERVICE, os.environ))
    config = read(Config, os.environ)
    ask_for_more()
    authenticator = KeyFileAuthenticator(config.keys)
    channel = connect(config.tagging_target, key=config.service_key(), services=CALLED)
    identity = connect(config.identity_target, key=config.service_key(), services=ASKED_OF_IDENTITY)
    database = Database.open(config.store_url, synchronous=config.synchronous, alone=True)
    wiring = await wire(
        database,
        channel,
        clock_from(config.clock),
        identity=identity,
        changelog_keep_s=config.changelog_keep_s,
        changelog_max_bytes=config.changelog_max_bytes,
        columns=config.data / "segments" / "columns",
        columns_bytes=config.columns_bytes,
        export_row_limit=config.export_row_limit,
        keeping=Keeping(
            snapshots=timedelta(days=config.snapshot_keep_days),
            counts=timedelta(days=config.segment_days_keep),
            members=timedelta(days=config.segment_members_keep_days),
        ),
    )

    async def close_channel() -> None:
        await channel.close()
        await identity.close()

    return ServiceApp(
        name=SERVICE,
        services=wiring.services,
        authenticator=authenticator,
        port=config.port,
        host=config.host,
        workers=tuple(wiring.workers),
        consumers=(wiring.consumer,),
        on_stop=(close_channel, database.close),
    )


def main() -> int:
    """Serves until told to stop; returns the exit code."""
    return serve(build)
