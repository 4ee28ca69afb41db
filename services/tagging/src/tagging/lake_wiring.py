"""Joins the lake: flushes, compaction, erasure, and the service that tells of them."""

import asyncio
from collections.abc import Callable, Collection, Coroutine
from dataclasses import dataclass
from typing import Any

import grpc
from huaxiang.tagging.v1 import lake_service_pb2, lake_service_pb2_grpc
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.server import Service

from tagging.api.lake_servicer import LakeServicer
from tagging.app.build_columns import BuildColumns
from tagging.app.compact_lake import CompactLake
from tagging.app.expire_events import ExpireEvents
from tagging.app.flush_lake import FlushLake
from tagging.app.forget_persons import ForgetPersons
from tagging.app.forget_values import ForgetValues
from tagging.app.keep_events import KeepEvents
from tagging.app.keep_person_files import KeepPersonFiles
from tagging.app.retire_files import RetireFiles
from tagging.config import Config
from tagging.store.column_building import ColumnBuilding
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_forgetting import LakeForgetting
from tagging.store.lake_ports import LakeObjects
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.ports import FactStores
from tagging.store.s3_lake_objects import S3LakeObjects, S3Place
from tagging.store.sql_erasure_proofs import SqlErasureProofs
from tagging.store.sql_event_marks import SqlEventMarks
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_person_files import SqlPersonFiles
from tagging.store.sql_retention import SqlEventRetention
from tagging.workers.forgetting import ForgettingWorker
from tagging.workers.lake_flush import LakeFlushing
from tagging.workers.lake_upkeep import LakeUpkeep

Worker = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class LakeParts:
    """What the lake is made of."""

    database: Database
    facts: FactStores
    manifest: SqlManifest
    folder: LakeFolder
    columns: ColumnBuilding
    persons: SqlPersonFiles
    clock: Clock
    changelog: Changelog


def wire_lake(
    parts: LakeParts,
    freshness: Freshness,
    identity: grpc.aio.Channel,
    config: Config,
    forget_values: ForgetValues,
) -> tuple[Service, tuple[Worker, ...]]:
    """The service, and what runs beside it. Sweeps what a crash left behind."""
    database, facts, manifest, folder = parts.database, parts.facts, parts.manifest, parts.folder
    flush_lake = FlushLake(database, manifest, facts.tenants, folder)
    flushing = LakeFlushing(
        database,
        manifest,
        facts.tenants,
        folder,
        flush_lake,
        flush_bytes=config.lake_flush_bytes,
        flush_after_s=config.lake_flush_after_s,
    )
    flushing.sweep()
    rewriting, rewriting_lock = LakeMerging(folder), asyncio.Lock()
    retention, proofs = SqlEventRetention(), SqlErasureProofs()
    retire = RetireFiles(rewriting, readers_s=config.lake_readers_s)
    compact = CompactLake(database, manifest, facts.tenants, rewriting, retire, rewriting_lock)

    def forget_copies(tenant: str, paths: Collection[str]) -> None:
        parts.columns.keep(tenant, paths)
        parts.persons.sweep(tenant)

    forget = ForgetPersons(
        database,
        facts,
        manifest,
        LakeForgetting(folder.objects, forget_copies),
        flush_lake,
        retire,
        rewriting_lock,
        proofs,
        parts.clock.now,
        values=forget_values,
    )
    forgetting = ForgettingWorker(identity, forget, parts.clock, rewrite_after_s=config.erase_files_after_s)
    expire = ExpireEvents(database, facts, manifest, retention, retire, rewriting_lock, parts.changelog)
    build = BuildColumns(database, manifest, SqlEventMarks(), parts.columns, rewriting_lock)
    persons = KeepPersonFiles(database, parts.persons, rewriting_lock)
    upkeep = LakeUpkeep(database, facts.tenants, compact, expire, retire, build, persons)
    service = Service(
        lake_service_pb2.DESCRIPTOR.services_by_name["LakeService"],
        lake_service_pb2_grpc.add_LakeServiceServicer_to_server,
        LakeServicer(
            database,
            freshness,
            flush_lake,
            compact,
            retire,
            manifest,
            KeepEvents(facts.tenants, retention),
            proofs,
        ),
    )
    return service, (flushing.run, forgetting.run, upkeep.run)


def lake_objects(config: Config) -> LakeObjects | None:
    """Where the lake's files lie; None is the data folder. Raises ValueError or OSError when the store is unusable."""
    if config.lake_store is None:
        return None
    access_key, secret_key = config.lake_s3_keys()
    place = S3Place(
        config.lake_store.bucket,
        config.lake_store.prefix,
        config.lake_s3_endpoint,
        config.lake_s3_region,
        access_key,
        secret_key,
    )
    return S3LakeObjects(place, config.folder / "lake", copies_bytes=config.lake_copies_bytes)
