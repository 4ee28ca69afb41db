"""The only wiring: reads the configuration, opens the store, joins ports and adapters, serves."""

import os
import uuid
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
from huaxiang.identity.v1 import change_service_pb2 as identity_change_service_pb2
from huaxiang.identity.v1 import person_service_pb2, privacy_service_pb2, tenant_settings_service_pb2
from huaxiang.tagging.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    feature_service_pb2,
    feature_service_pb2_grpc,
    reference_table_service_pb2,
    reference_table_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    tag_service_pb2,
    tag_service_pb2_grpc,
)
from huaxiang.tagging.v1 import privacy_service_pb2 as own_privacy_service_pb2
from huaxiang.tagging.v1 import privacy_service_pb2_grpc as own_privacy_service_pb2_grpc
from servicekit import logging
from servicekit.changelog import Changelog
from servicekit.client import connect
from servicekit.clock import Clock, clock_from
from servicekit.config import ConfigError, read
from servicekit.consumer import ConsumerState
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.retention import keep_trimmed
from servicekit.server import Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from servicekit.watch import Watches

from tagging.api.change_servicer import ChangeServicer
from tagging.api.feature_servicer import FeatureServicer
from tagging.api.portrait_servicer import IdentityAttributes, PersonAttributes
from tagging.api.privacy_servicer import PrivacyServicer
from tagging.api.reference_table_servicer import ReferenceTableServicer
from tagging.api.run_servicer import RunServicer
from tagging.api.tag_servicer import TagServicer
from tagging.app.apply_changes import ApplyChanges
from tagging.app.bootstrap import Bootstrap
from tagging.app.columns_in_force import ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.explain import Explain
from tagging.app.export_index import ExportIndex
from tagging.app.export_person_data import ExportPersonData
from tagging.app.features import EvaluateFeature, KeepFeatures, SetRequiredFeatures
from tagging.app.follow_mapping import FollowMapping
from tagging.app.forget_values import ForgetValues
from tagging.app.keep_current import KeepCurrent
from tagging.app.publish import ComputeEverybody
from tagging.app.put_reference_rows import PutReferenceRows
from tagging.app.quality.count_use import CountedEntries, UseCounter
from tagging.app.read_values import ReadValues
from tagging.app.recompute import RecomputePersons
from tagging.app.restart_features import RestartFeatures
from tagging.app.roll_day import RollDay
from tagging.app.run_tags import ExecuteRuns, RunRequests
from tagging.behaviour_wiring import wire_behaviour
from tagging.config import Config
from tagging.domain.dictionary import Dictionary
from tagging.domain.quality.retention import KEEP_DAYS
from tagging.event_type_wiring import wire_event_types
from tagging.governance_wiring import Governance, governance_stores, open_governance, wire_governance
from tagging.kernels.loading import Kernels
from tagging.lake_wiring import LakeParts, lake_objects, wire_lake
from tagging.portrait_wiring import IN_MEMORY, wire_portraits
from tagging.quality_wiring import wire_quality
from tagging.store.block_files import BlockFiles
from tagging.store.change_entries import ContractFactEntries
from tagging.store.column_building import ColumnBuilding
from tagging.store.column_export import ColumnExport
from tagging.store.columnar_events import ColumnarEvents
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_ports import LakeObjects
from tagging.store.lake_relations import DuckLakeRelations
from tagging.store.mapped_columns import MappedColumns
from tagging.store.person_files import PersonFiles
from tagging.store.ports import FactStores
from tagging.store.query_process import QueryProcesses
from tagging.store.sql_catalogue import SqlCutStore, SqlTagCatalogue
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_features import SqlDuePersons, SqlFeatures
from tagging.store.sql_history import SqlValueHistory
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_mapping_changes import SqlMappingChanges
from tagging.store.sql_person_files import SqlPersonFiles
from tagging.store.sql_portraits import SqlPortraitTemplates
from tagging.store.sql_progress import FACT_SOURCES, VALUE_SOURCES, SqlProgress
from tagging.store.sql_references import SqlReferenceTables
from tagging.store.sql_retention import horizon_of
from tagging.store.sql_runs import SqlComputations, SqlRuns
from tagging.store.sql_schedules import SqlSeenSchedules
from tagging.store.sql_staged_values import SqlStagedValues
from tagging.store.sql_standing import SqlStandingColumns
from tagging.store.sql_stated import SqlStatedValues
from tagging.store.sql_tenants import SqlTenants
from tagging.store.sql_values import SqlTagValues
from tagging.store.tag_entries import ContractTagEntries
from tagging.store.tag_ports import TagStores
from tagging.value_wiring import wire_values
from tagging.workers.acknowledge import Acknowledge
from tagging.workers.ageing import Ageing
from tagging.workers.computations import ComputationWorker
from tagging.workers.identity_pull import FactSink, identity_consumer, identity_source

SERVICE = "tagging"
MIGRATIONS = Path(__file__).parent / "migrations"
Worker = Callable[[], Coroutine[Any, Any, None]]


@dataclass(frozen=True)
class Store:
    """An open store with every adapter over it."""

    folder: Path
    database: Database
    changelog: Changelog
    clock: Clock
    dictionary: Dictionary
    dictionaries: SqlEventDictionaries
    facts: FactStores
    tags: TagStores
    references: SqlReferenceTables
    mapping_changes: SqlMappingChanges
    manifest: SqlManifest
    lake: LakeFolder
    mapped: MappedColumns
    relations: DuckLakeRelations
    columns: ColumnsInForce
    recompute: RecomputePersons
    queries: QueryProcesses
    governance: Governance
    use: UseCounter
    events: ColumnarEvents
    persons: SqlPersonFiles
    kernels: Kernels

    def machine_ms(self) -> int:
        """The machine's time, in milliseconds since 1970."""
        return int(self.clock.machine_now().timestamp() * 1000)

    def facts_freshness(self) -> Freshness:
        """For those who wait for facts, whatever follows from them."""
        return Freshness.of_store(self.database, Changelog(SERVICE, sources=FACT_SOURCES))


@dataclass(frozen=True)
class Part:
    """What is served and what runs beside it."""

    services: tuple[Service, ...]
    workers: tuple[Worker, ...]
    consumers: tuple[ConsumerState, ...] = ()
    on_stop: tuple[Worker, ...] = ()


def open_store(database: Database, folder: Path, clock: Clock, objects: LakeObjects | None = None) -> Store:
    """Brings the store to this release's schema and joins the adapters. Raises DataNewer."""
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE, sources=VALUE_SOURCES)
    database.write_now(changelog.create)
    dictionary = standard_dictionary()
    person_files = PersonFiles(folder / "persons", lambda: uuid.uuid4().hex)
    key_map = SqlKeyMap(person_files)
    facts = FactStores(SqlEventStore(), key_map, SqlTenants(), SqlProgress(changelog), ContractFactEntries())
    value_files = BlockFiles(folder / "values", lambda: uuid.uuid4().hex)

    def machine_ms() -> int:
        return int(clock.machine_now().timestamp() * 1000)

    values = SqlTagValues(value_files, machine_ms)
    use = UseCounter()
    tags = TagStores(
        SqlTagCatalogue(),
        SqlCutStore(),
        values,
        SqlComputations(),
        SqlRuns(),
        SqlFeatures(),
        SqlDuePersons(),
        SqlStatedValues(),
        SqlValueHistory(values),
        SqlSeenSchedules(),
        SqlStandingColumns(),
        SqlStagedValues(value_files, machine_ms),
        CountedEntries(ContractTagEntries(), use),
    )
    references, manifest = SqlReferenceTables(), SqlManifest()
    lake = LakeFolder(folder / "lake", LakeColumns(dictionary), objects)
    dictionaries = SqlEventDictionaries(dictionary)
    kernels = Kernels()
    mapped = MappedColumns(folder / "columns", lambda: uuid.uuid4().hex)
    queries = QueryProcesses(folder / "queries")
    columns = ColumnsInForce(dictionaries, tags, governance_stores().lives.retired)
    return Store(
        folder=folder,
        database=database,
        changelog=changelog,
        clock=clock,
        dictionary=dictionary,
        dictionaries=dictionaries,
        facts=facts,
        tags=tags,
        references=references,
        mapping_changes=SqlMappingChanges(),
        manifest=manifest,
        lake=lake,
        mapped=mapped,
        relations=DuckLakeRelations(
            lake, manifest, facts.key_map, references, dictionaries, dictionary, mapped, kernels
        ),
        columns=columns,
        recompute=RecomputePersons(facts, references, tags, columns, clock),
        queries=queries,
        governance=open_governance(facts, tags, columns, changelog, clock, queries),
        use=use,
        events=ColumnarEvents(facts.events, mapped),
        persons=SqlPersonFiles(person_files, key_map),
        kernels=kernels,
    )


def wire_facts(store: Store, identity: grpc.aio.Channel, config: Config) -> Part:
    """The facts half: identity's changes, the lake, reference tables, the dictionary, the Watch."""
    facts, database = store.facts, store.database
    sink = FactSink(
        database,
        facts.progress,
        ApplyChanges(
            facts,
            store.changelog,
            store.clock.now,
            store.recompute,
            RestartFeatures(store.tags, store.columns),
        ),
        Bootstrap(facts, store.recompute, store.clock.now),
        store.dictionary,
    )
    consumer = identity_consumer(identity_source(identity, store.dictionary), sink)
    acknowledge = Acknowledge(
        database, facts.progress, facts.events, identity, lambda: consumer.state.applied
    )
    lake, keep_lake = wire_lake(
        LakeParts(
            database,
            facts,
            store.manifest,
            store.lake,
            ColumnBuilding(store.lake, store.mapped, store.dictionary),
            store.persons,
            store.clock,
            store.changelog,
        ),
        store.facts_freshness(),
        identity,
        config,
        ForgetValues(facts, store.tags),
    )
    export_index = ExportIndex(facts, store.tags, store.changelog, ColumnExport(store.tags.values))
    event_types, keep_survey = wire_event_types(
        database,
        store.changelog,
        (facts, store.tags),
        store.columns,
        store.dictionaries,
        store.mapping_changes,
        store.dictionary,
        store.clock,
    )
    services = (
        Service(
            change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
            change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
            ChangeServicer(database, Watches(database, store.changelog), export_index),
        ),
        event_types,
        Service(
            reference_table_service_pb2.DESCRIPTOR.services_by_name["ReferenceTableService"],
            reference_table_service_pb2_grpc.add_ReferenceTableServiceServicer_to_server,
            ReferenceTableServicer(
                database,
                PutReferenceRows(
                    store.references, store.mapping_changes, store.dictionary, store.changelog, store.clock
                ),
                store.references,
                store.dictionary,
            ),
        ),
        lake,
        wire_behaviour(
            database,
            store.changelog,
            facts,
            store.relations,
            store.columns,
            store.facts_freshness(),
            store.clock,
            store.kernels,
        ),
    )
    workers = (consumer.run, acknowledge.run, *keep_lake, keep_survey)
    return Part(services, workers, (consumer.state,))


@dataclass(frozen=True)
class Computing:
    """What computes everybody, and what ages persons beside it."""

    everybody: Everybody
    compute: ComputeEverybody
    worker: ComputationWorker
    ageing: Ageing


def open_computing(store: Store) -> Computing:
    """The use cases behind runs, backfills, rolled days and ageing, and the worker that drives them."""
    database, changelog, clock = store.database, store.changelog, store.clock
    facts, tags, columns = store.facts, store.tags, store.columns
    store.queries.sweep()
    everybody = Everybody(database, facts, store.relations, tags, columns, store.queries)
    compute = ComputeEverybody(
        database,
        changelog,
        everybody,
        facts,
        tags,
        columns,
        store.recompute,
        clock,
        store.mapping_changes,
        horizon_of,
    )
    current = KeepCurrent(database, changelog, facts, tags, columns, store.recompute, compute, clock)
    worker = ComputationWorker(
        database,
        facts.progress,
        ExecuteRuns(database, tags, compute, clock),
        RollDay(database, changelog, everybody, facts, tags, columns, compute, clock),
        current,
        KeepFeatures(database, changelog, tags, columns, compute, clock),
        FollowMapping(database, store.mapping_changes, columns, compute, clock),
        compute,
    )
    return Computing(everybody, compute, worker, Ageing(database, current))


def wire_tags(
    store: Store,
    attributes: PersonAttributes,
    hot_copies: str = IN_MEMORY,
    quality_keep_days: int = KEEP_DAYS,
) -> Part:
    """The tags half: catalogue, runs, features, portraits, and what keeps values current."""
    database, changelog, clock = store.database, store.changelog, store.clock
    facts, tags, columns = store.facts, store.tags, store.columns
    computing = open_computing(store)
    read_values = ReadValues(facts, store.events, tags, columns, changelog, clock)
    services: tuple[Service, ...] = (
        Service(
            tag_service_pb2.DESCRIPTOR.services_by_name["TagService"],
            tag_service_pb2_grpc.add_TagServiceServicer_to_server,
            TagServicer(
                database,
                tags.catalogue,
                store.governance.apply_tags,
                read_values,
            ),
        ),
        Service(
            run_service_pb2.DESCRIPTOR.services_by_name["RunService"],
            run_service_pb2_grpc.add_RunServiceServicer_to_server,
            RunServicer(
                database,
                store.facts_freshness(),
                RunRequests(tags, columns, lambda: uuid.uuid4().hex),
                store.machine_ms,
            ),
        ),
        Service(
            feature_service_pb2.DESCRIPTOR.services_by_name["FeatureService"],
            feature_service_pb2_grpc.add_FeatureServiceServicer_to_server,
            FeatureServicer(
                database,
                store.facts_freshness(),
                SetRequiredFeatures(facts, tags, columns, changelog, clock),
                EvaluateFeature(
                    database, computing.everybody, columns, changelog, facts, store.references, clock
                ),
                clock,
            ),
        ),
    )
    portraits = wire_portraits(
        database,
        changelog,
        (facts, tags, store.events),
        columns,
        computing.everybody,
        (read_values, Explain(facts, store.events, store.references, tags, columns, read_values, clock)),
        attributes,
        clock,
        hot_copies,
        store.use,
    )
    services = (
        *services,
        *portraits.services,
        Service(
            own_privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
            own_privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
            PrivacyServicer(ExportPersonData(database, facts, read_values)),
        ),
    )
    governing, govern = wire_governance(database, store.governance)
    database.read_now(tags.values.sweep)
    values, keep_values = wire_values(database, changelog, (facts, tags), columns, store.recompute, clock)
    quality, look = wire_quality(
        database,
        changelog,
        (facts, tags),
        (governance_stores().uses, SqlPortraitTemplates()),
        columns,
        computing.everybody,
        store.use,
        clock,
        quality_keep_days,
    )
    workers = (computing.worker.run, computing.ageing.run, *keep_values, *govern, *portraits.workers, *look)
    return Part((*services, values, *governing, quality), workers, on_stop=(portraits.close,))


def identity_channel(target: str, key: str) -> grpc.aio.Channel:
    """A channel to identity with this service's key."""
    return connect(
        target,
        key=key,
        services=(
            identity_change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
            tenant_settings_service_pb2.DESCRIPTOR.services_by_name["TenantSettingsService"],
            person_service_pb2.DESCRIPTOR.services_by_name["PersonService"],
            privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
        ),
    )


async def build() -> ServiceApp:
    """The service of this process's environment. Raises what `serve` explains."""
    logging.configure(SERVICE)
    config = read(Config, os.environ)
    try:
        install(tracer_from_environment(SERVICE, os.environ))
        key = config.service_key()
        objects = lake_objects(config)
        database = Database.open(config.store_url, synchronous=config.synchronous, alone=True)
    except (OSError, ValueError) as error:
        raise ConfigError([str(error)]) from error
    store = open_store(database, config.folder, clock_from(config.clock), objects)
    identity = identity_channel(config.identity_target, key)
    facts = wire_facts(store, identity, config)
    tags = wire_tags(store, IdentityAttributes(identity), config.hot_copies, config.quality_keep_days)

    async def trim() -> None:
        await keep_trimmed(
            database, store.changelog, keep_s=config.changelog_keep_s, max_bytes=config.changelog_max_bytes
        )

    return ServiceApp(
        name=SERVICE,
        services=(*facts.services, *tags.services),
        authenticator=KeyFileAuthenticator(config.keys),
        port=config.port,
        host=config.host,
        workers=(*facts.workers, *tags.workers, trim),
        consumers=facts.consumers,
        on_stop=(*tags.on_stop, identity.close, database.close),
    )


def main() -> int:
    """Serves until stopped; returns the exit code."""
    return serve(build)
