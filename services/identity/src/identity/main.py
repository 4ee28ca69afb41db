"""The only wiring: reads the configuration, opens the store, joins ports and adapters, serves."""

import gc
import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huaxiang.identity.v1 import (
    audit_service_pb2,
    audit_service_pb2_grpc,
    change_service_pb2,
    change_service_pb2_grpc,
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    identifier_service_pb2,
    identifier_service_pb2_grpc,
    ingest_service_pb2,
    person_service_pb2,
    person_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    tenant_settings_service_pb2,
    tenant_settings_service_pb2_grpc,
)
from servicekit import logging
from servicekit.changelog import Changelog
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.clock import Clock, clock_from
from servicekit.config import ConfigError, read
from servicekit.database import Database
from servicekit.freshness import Freshness
from servicekit.migrations import migrate
from servicekit.principal import KeyFileAuthenticator
from servicekit.server import Service, ServiceApp, serve
from servicekit.telemetry.export import tracer_from_environment
from servicekit.telemetry.spans import install
from servicekit.watch import Watches

from identity.api import ingest_rpcs
from identity.api.audit_servicer import AuditServicer
from identity.api.change_servicer import ChangeServicer
from identity.api.contact_point_servicer import ContactPointServicer
from identity.api.encoding import ProtoEncoding, plain_value
from identity.api.identifier_servicer import IdentifierServicer
from identity.api.import_servicer import ImportServicer
from identity.api.ingest_servicer import IngestServicer
from identity.api.parse_records import RecordParser
from identity.api.person_servicer import PersonServicer
from identity.api.preparers import Preparers
from identity.api.privacy_servicer import PrivacyServicer
from identity.api.tenant_policies import TenantPolicies
from identity.api.tenant_settings_servicer import TenantSettingsServicer
from identity.api.transactions import Transactions
from identity.app.acknowledge_changes import AcknowledgeChanges
from identity.app.erase_keys import EraseKeys
from identity.app.erase_person import Erasures
from identity.app.export_person_data import ExportPersonData
from identity.app.get_contact_points import GetContactPoints
from identity.app.get_identifiers import GetIdentifiers
from identity.app.get_person import GetPerson
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import IngestRecords
from identity.app.journal_erasures import JournalErasures
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.resolve_identifiers import ResolveIdentifiers
from identity.app.scrub_erased import ScrubErased
from identity.app.tenant_settings import GetTenantSettings, UpdateTenantSettings
from identity.config import Config
from identity.domain.normalise import Normaliser
from identity.import_wiring import wire_imports
from identity.match_wiring import wire_matching
from identity.operation_wiring import wire_operations
from identity.standards.load import load_standards
from identity.store.key_checks import record_keys, require_known_keys
from identity.store.keyring import SecretUnusable, open_key_ring
from identity.store.privacy_ports import Journal, Kms
from identity.store.resealing import Reseal, sealed_parts
from identity.store.sql import open_stores
from identity.store.tombstone_journal import JournalDamaged, TombstoneJournal
from identity.store.vault import KeyVault, read_secret_file
from identity.workers.forget_request_ids import forget_request_ids
from identity.workers.keep_sealed import keep_sealed
from identity.workers.match_runs import MatchRuns
from identity.workers.scrub_erased import keep_scrubbing
from identity.workers.trim_changes import trim_changes

SERVICE = "identity"
MIGRATIONS = Path(__file__).parent / "migrations"
NEW_OBJECTS_PER_COLLECTION = 50_000
"""A batch of records makes some hundred thousand tuples and hardly a cycle: to look for cycles as often as Python does
by itself costs an import a fifth of its time."""


@dataclass(frozen=True)
class Wiring:
    """A store with everything that serves it."""

    database: Database
    changelog: Changelog
    services: tuple[Service, ...]
    ingest: IngestServicer
    imports: ImportServicer
    reseal: Reseal
    scrub: ScrubErased
    match_runs: MatchRuns


def open_store(database: Database, vault: KeyVault) -> Changelog:
    """Brings the store to this release's schema. Raises SecretUnusable before anything is written, DataNewer."""
    database.read_now(require_known_keys, vault)
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE)
    database.write_now(changelog.create)
    database.write_now(record_keys, vault.key_checks())
    return changelog


def wire(
    database: Database,
    secret: bytes,
    clock: Clock,
    consumers: tuple[str, ...],
    kms: Kms | None = None,
    erasers: tuple[str, ...] = (),
    journal: Journal | None = None,
    preparers: Preparers | None = None,
) -> Wiring:
    """Joins ports and adapters; without a Kms the key of the secret seals alone, without a journal a store that is put
    back forgets its erasures, without preparers messages are prepared in threads. Raises SecretUnusable, DataNewer,
    JournalDamaged."""
    vault = KeyVault(secret, kms)
    changelog = open_store(database, vault)
    standards = load_standards()
    policy, dictionary = standards.policy, standards.attributes
    encoding, hot = ProtoEncoding(), HotKeys()
    normaliser = Normaliser(policy, standards.blocked)
    transactions = Transactions(database, partial(open_stores, changelog=changelog))
    freshness = Freshness.of_store(database, changelog)
    policies = PolicyBook(policy)
    publish = PublishPersons(dictionary, vault, encoding)
    parser = RecordParser(policy, normaliser, dictionary, standards.closed_properties)
    records = IngestRecords(policies, vault, encoding, publish, hot)
    known = TenantPolicies(transactions, policies)
    ingest = IngestServicer(transactions, parser, known, records, hot, clock, preparers)
    imports = wire_imports(
        transactions, standards, normaliser, parser, policies, vault, encoding, records, hot, clock
    )
    persons = PersonServicer(
        transactions,
        freshness,
        known,
        normaliser,
        ResolveIdentifiers(vault, SERVICE),
        GetPerson(policies, dictionary, vault, clock, SERVICE),
    )
    contact_points = ContactPointServicer(
        transactions, freshness, GetContactPoints(vault, clock, encoding, SERVICE)
    )
    identifiers = IdentifierServicer(transactions, freshness, GetIdentifiers(policies, vault, clock, SERVICE))
    settings = TenantSettingsServicer(
        transactions, GetTenantSettings(SERVICE), UpdateTenantSettings(encoding)
    )
    changes = ChangeServicer(
        transactions, Watches(database, changelog), AcknowledgeChanges(consumers, SERVICE), SERVICE
    )
    services: tuple[Service, ...] = (
        Service(
            ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            ingest_rpcs.add_to_server,
            ingest,
        ),
        Service(
            person_service_pb2.DESCRIPTOR.services_by_name["PersonService"],
            person_service_pb2_grpc.add_PersonServiceServicer_to_server,
            persons,
        ),
        Service(
            contact_point_service_pb2.DESCRIPTOR.services_by_name["ContactPointService"],
            contact_point_service_pb2_grpc.add_ContactPointServiceServicer_to_server,
            contact_points,
        ),
        Service(
            identifier_service_pb2.DESCRIPTOR.services_by_name["IdentifierService"],
            identifier_service_pb2_grpc.add_IdentifierServiceServicer_to_server,
            identifiers,
        ),
        Service(
            tenant_settings_service_pb2.DESCRIPTOR.services_by_name["TenantSettingsService"],
            tenant_settings_service_pb2_grpc.add_TenantSettingsServiceServicer_to_server,
            settings,
        ),
        Service(
            change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
            change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
            changes,
        ),
    )
    erase_keys = EraseKeys(policies, vault, encoding, publish)
    journalling = JournalErasures(journal, erase_keys, vault, clock)
    opened = partial(open_stores, changelog=changelog)
    journalling.complete(database.write_now(lambda connection: journalling.compare(opened(connection))))
    services += _privacy_services(transactions, erase_keys, journalling, vault, clock, erasers)
    matching = wire_matching(transactions, policies, dictionary, vault, encoding, publish, clock)
    services += (matching.service, imports.service)
    services += wire_operations(
        transactions, freshness, normaliser, policies, vault, encoding, publish, clock, SERVICE
    )
    reseal = Reseal(vault, sealed_parts(standards.attributes.closed()))
    return Wiring(
        database, changelog, services, ingest, imports.servicer, reseal, ScrubErased(clock), matching.runs
    )


def _privacy_services(
    transactions: Transactions,
    erase_keys: EraseKeys,
    journalling: JournalErasures,
    vault: KeyVault,
    clock: Clock,
    erasers: tuple[str, ...],
) -> tuple[Service, ...]:
    privacy = PrivacyServicer(
        transactions,
        Erasures(erase_keys, erasers, clock, SERVICE),
        journalling,
        ExportPersonData(vault, plain_value, clock),
        SERVICE,
    )
    return (
        Service(
            privacy_service_pb2.DESCRIPTOR.services_by_name["PrivacyService"],
            privacy_service_pb2_grpc.add_PrivacyServiceServicer_to_server,
            privacy,
        ),
        Service(
            audit_service_pb2.DESCRIPTOR.services_by_name["AuditService"],
            audit_service_pb2_grpc.add_AuditServiceServicer_to_server,
            AuditServicer(transactions),
        ),
    )


async def build() -> ServiceApp:
    """The service of this process's environment. Raises what `serve` explains."""
    logging.configure(SERVICE)
    config = read(Config, os.environ)
    try:
        install(tracer_from_environment(SERVICE, os.environ))
        secret = read_secret_file(config.secret_file)
        kms = open_key_ring(secret, config.sealing_keys, os.environ)
        database = Database.open(config.store_url, synchronous=config.synchronous, alone=True)
        wiring = wire(
            database,
            secret,
            clock_from(config.clock),
            config.consumers,
            kms,
            config.erasers,
            TombstoneJournal(config.tombstones),
            Preparers(config.preparers, secret) if config.preparers else None,
        )
    except (SecretUnusable, JournalDamaged, ValueError) as error:
        raise ConfigError([str(error)]) from error
    return ServiceApp(
        name=SERVICE,
        services=wiring.services,
        authenticator=KeyFileAuthenticator(config.keys),
        port=config.port,
        host=config.host,
        workers=(
            wiring.match_runs.run,
            partial(
                trim_changes,
                database,
                wiring.changelog,
                partial(open_stores, changelog=wiring.changelog),
                config.consumers,
                config.changelog_keep_s,
                config.changelog_max_bytes,
            ),
            partial(forget_request_ids, database),
            partial(keep_sealed, database, wiring.reseal.step),
            partial(keep_scrubbing, database, partial(open_stores, changelog=wiring.changelog), wiring.scrub),
        ),
        on_stop=(wiring.ingest.close, wiring.imports.close, database.close),
        max_message_bytes=MAX_INGEST_MESSAGE_BYTES,
    )


def main() -> int:
    """Serves until stopped; returns the exit code."""
    gc.set_threshold(NEW_OBJECTS_PER_COLLECTION)
    return serve(build)
