"""The only wiring: reads the configuration, opens the store, joins ports and adapters, serves."""

import os
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from huaxiang.identity.v1 import (
    change_service_pb2,
    change_service_pb2_grpc,
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    person_service_pb2,
    person_service_pb2_grpc,
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

from identity.api.change_servicer import ChangeServicer
from identity.api.contact_point_servicer import ContactPointServicer
from identity.api.encoding import ProtoEncoding
from identity.api.ingest_servicer import IngestServicer
from identity.api.parse_records import RecordParser
from identity.api.person_servicer import PersonServicer
from identity.api.tenant_settings_servicer import TenantSettingsServicer
from identity.api.transactions import Transactions
from identity.app.acknowledge_changes import AcknowledgeChanges
from identity.app.get_contact_points import GetContactPoints
from identity.app.get_person import GetPerson
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import IngestRecords
from identity.app.publish_persons import PublishPersons
from identity.app.resolve_identifiers import ResolveIdentifiers
from identity.app.tenant_settings import GetTenantSettings, UpdateTenantSettings
from identity.config import Config
from identity.domain.normalise import Normaliser
from identity.standards.load import load_standards
from identity.store.key_checks import record_keys, require_known_keys
from identity.store.keyring import SecretUnusable, open_key_ring
from identity.store.privacy_ports import Kms
from identity.store.resealing import Reseal, sealed_parts
from identity.store.sql import open_stores
from identity.store.vault import KeyVault, read_secret_file
from identity.workers.keep_sealed import keep_sealed
from identity.workers.trim_changes import trim_changes

SERVICE = "identity"
MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Wiring:
    """A store with everything that serves it."""

    database: Database
    changelog: Changelog
    services: tuple[Service, ...]
    ingest: IngestServicer
    reseal: Reseal


def open_store(database: Database, vault: KeyVault) -> Changelog:
    """Brings the store to this release's schema. Raises SecretUnusable before anything is written, DataNewer."""
    database.read_now(require_known_keys, vault)
    migrate(database, MIGRATIONS)
    changelog = Changelog(SERVICE)
    database.write_now(changelog.create)
    database.write_now(record_keys, vault.key_checks())
    return changelog


def wire(
    database: Database, secret: bytes, clock: Clock, consumers: tuple[str, ...], kms: Kms | None = None
) -> Wiring:
    """Joins ports and adapters; without a Kms the key of the secret seals alone. Raises SecretUnusable, DataNewer."""
    vault = KeyVault(secret, kms)
    changelog = open_store(database, vault)
    standards = load_standards()
    policy, dictionary = standards.policy, standards.attributes
    encoding, hot = ProtoEncoding(), HotKeys()
    normaliser = Normaliser(policy, standards.blocked)
    transactions = Transactions(database, partial(open_stores, changelog=changelog))
    freshness = Freshness.of_store(database, changelog)
    publish = PublishPersons(policy, dictionary, vault, encoding)
    ingest = IngestServicer(
        transactions,
        RecordParser(policy, normaliser, dictionary, standards.closed_properties),
        IngestRecords(policy, vault, encoding, publish, hot),
        hot,
        clock,
    )
    persons = PersonServicer(
        transactions,
        freshness,
        policy,
        normaliser,
        ResolveIdentifiers(vault, SERVICE),
        GetPerson(policy, dictionary, vault, clock, SERVICE),
    )
    contact_points = ContactPointServicer(transactions, freshness, GetContactPoints(vault, clock, SERVICE))
    settings = TenantSettingsServicer(
        transactions, GetTenantSettings(SERVICE), UpdateTenantSettings(encoding)
    )
    changes = ChangeServicer(
        transactions, Watches(database, changelog), AcknowledgeChanges(consumers, SERVICE), SERVICE
    )
    services = (
        Service(
            ingest_service_pb2.DESCRIPTOR.services_by_name["IngestService"],
            ingest_service_pb2_grpc.add_IngestServiceServicer_to_server,
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
    reseal = Reseal(vault, sealed_parts(standards.attributes.closed()))
    return Wiring(database, changelog, services, ingest, reseal)


async def build() -> ServiceApp:
    """The service of this process's environment. Raises what `serve` explains."""
    logging.configure(SERVICE)
    config = read(Config, os.environ)
    try:
        install(tracer_from_environment(SERVICE, os.environ))
        secret = read_secret_file(config.secret_file)
        kms = open_key_ring(secret, config.sealing_keys, os.environ)
        database = Database.open(config.store_url, synchronous=config.synchronous)
        wiring = wire(database, secret, clock_from(config.clock), config.consumers, kms)
    except (SecretUnusable, ValueError) as error:
        raise ConfigError([str(error)]) from error
    return ServiceApp(
        name=SERVICE,
        services=wiring.services,
        authenticator=KeyFileAuthenticator(config.keys),
        port=config.port,
        host=config.host,
        workers=(
            partial(
                trim_changes,
                database,
                wiring.changelog,
                partial(open_stores, changelog=wiring.changelog),
                config.consumers,
                config.changelog_keep_s,
                config.changelog_max_bytes,
            ),
            partial(keep_sealed, database, wiring.reseal.step),
        ),
        on_stop=(wiring.ingest.close, database.close),
        max_message_bytes=MAX_INGEST_MESSAGE_BYTES,
    )


def main() -> int:
    """Serves until stopped; returns the exit code."""
    return serve(build)
