"""An identity store for benches: the service's own use cases on a real database, without the network."""

import secrets
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

from identity.api.encoding import ProtoEncoding
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.domain.record import Arrival, Event, Identifier, Record
from identity.main import Wiring, wire
from identity.standards.load import load_standards
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)


class IdentityStore:
    """The front door of one store, called directly."""

    def __init__(self, database: Database, secret: bytes) -> None:
        self.standards = load_standards()
        self.database = database
        self.wiring: Wiring = wire(database, secret, ManualClock(NOW), ("tagging",))
        self.vault = KeyVault(secret)
        self.hot = HotKeys()
        policies, encoding = PolicyBook(self.standards.policy), ProtoEncoding()
        publish = PublishPersons(self.standards.attributes, self.vault, encoding)
        self.records = IngestRecords(policies, self.vault, encoding, publish, self.hot)

    @classmethod
    @contextmanager
    def sqlite(cls, folder: Path, secret: bytes = b"") -> "Iterator[IdentityStore]":
        """On SQLite, every commit synced."""
        with cls.at(f"sqlite:///{folder / 'identity.db'}", secret) as store:
            yield store

    @classmethod
    @contextmanager
    def at(cls, url: str, secret: bytes = b"") -> "Iterator[IdentityStore]":
        """On any database; without a secret with a new one."""
        database = Database.open(url)
        try:
            yield cls(database, secret or secrets.token_bytes(32))
        finally:
            database.close_now()

    def ingest(self, tenant: str, records: Sequence[Record], lane: Lane = Lane.LIVE) -> Ingested:
        """One batch, one transaction."""
        batch = self.records.prepare(tenant, lane, [Arrival(record, ()) for record in records])

        def run(connection: Connection) -> Ingested:
            return self.records(open_stores(connection, self.wiring.changelog), batch, NOW_US)

        ingested = self.database.write_now(run)
        self.hot.learn(ingested.learned)
        return ingested

    def persons_of(self, tenant: str, identifiers: Collection[Identifier]) -> Mapping[Identifier, int]:
        """The person of each identifier."""
        hash_of = {each: self.vault.identifier_hash(tenant, each) for each in identifiers}

        def read(connection: Connection) -> Mapping[Identifier, int]:
            stores: Stores = open_stores(connection, self.wiring.changelog)
            key_ids = stores.keys.find(tenant, hash_of.values())
            rows = stores.keys.rows(tenant, key_ids.values())
            return {each: rows[key_ids[hash_]].person_id for each, hash_ in hash_of.items()}

        return self.database.read_now(read)


def record_of(
    source: str,
    record_id: str,
    time_us: int,
    identifiers: Sequence[Identifier],
    event: Event | None = None,
) -> Record:
    """A record of identifiers, as the front door reads it."""
    digest = blake2b(f"{source}:{record_id}".encode(), digest_size=16).digest()
    return Record(source, record_id, digest, time_us, "", tuple(identifiers), event, (), (), ())
