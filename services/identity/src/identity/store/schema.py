"""The tables. Times are microseconds since 1970 in suite time; flags and enumerations are small integers.

Everything is keyed by tenant first. `records` is the ledger of evidence and only grows; `keys.standing`,
`keys.person_id` and `persons` are derived from it.
"""

from typing import Any

from servicekit.kit_tables import kit_tables
from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, SmallInteger, Table, Text

from identity.store.matching.schema import matching_tables
from identity.store.schema_linking import linking_tables
from identity.store.schema_privacy import privacy_tables

metadata = MetaData()
kit = kit_tables(metadata)
linking_tables(metadata)
matching_tables(metadata)
privacy_tables(metadata)


def _key(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: Any = BigInteger, *, nullable: bool = False) -> Column[object]:
    return Column(name, kind, nullable=nullable)


tenants = Table(
    "tenants",
    metadata,
    _key("tenant", Text),
    _value("epoch", Text),
    _value("next_key_id"),
    _value("next_ingest_sequence"),
    _value("next_block"),
    _value("next_known"),
    _value("next_anonymous"),
    _value("policy_version"),
    sqlite_with_rowid=False,
)
"""A tenant's counters; its row is locked by whoever ingests for the tenant."""

records = Table(
    "records",
    metadata,
    _key("tenant", Text),
    _key("source", Text),
    _key("record_id", Text),
    _value("digest", LargeBinary),
    _value("time_us"),
    _value("anchor_key_id"),
    _value("key_ids", LargeBinary),
    _value("link_kind", SmallInteger),
    _value("verified"),
    sqlite_with_rowid=False,
)
"""The ledger: each record's content digest and keys (64-bit little-endian, as stated; bit n of `verified` is
the n-th), kept for ever."""

keys = Table(
    "keys",
    metadata,
    _key("tenant", Text),
    _key("key_id"),
    _value("hash", LargeBinary),
    _value("namespace", Text),
    _value("scope", Text),
    _value("sealed", LargeBinary),
    _value("standing", SmallInteger),
    _value("person_id"),
    _value("born_person_id"),
    _value("marks", SmallInteger),
    Index("keys_by_hash", "tenant", "hash", unique=True),
    Index("keys_by_person", "tenant", "person_id"),
    sqlite_with_rowid=False,
)
"""Identifiers: keyed hash for lookup, normal form sealed. 0 is no person, no birth; marks say what to look up."""

edges = Table(
    "edges",
    metadata,
    _key("tenant", Text),
    _key("key_id"),
    _key("other_key_id"),
    _value("first_us"),
    _value("last_us"),
    _value("kinds", SmallInteger),
    _value("verified", SmallInteger),
    _value("unbound_us"),
    _value("sources", Text),
    sqlite_with_rowid=False,
)
"""The summary of every record that named two keys (identity.domain.evidence), in both directions; the sources, joined
by commas, stand in the direction from the lower key alone."""

sightings = Table(
    "sightings",
    metadata,
    _key("tenant", Text),
    _key("key_id"),
    _key("source", Text),
    _value("first_us"),
    _value("last_us"),
    _value("records"),
    sqlite_with_rowid=False,
)
"""When and how often each source stated a key."""

persons = Table(
    "persons",
    metadata,
    _key("tenant", Text),
    _key("person_id"),
    _value("birth_key_id"),
    _value("birth_hash"),
    _value("redirect_person_id"),
    _value("version"),
    _value("lane", SmallInteger),
    _value("entry", LargeBinary),
    Index("persons_by_redirect", "tenant", "redirect_person_id"),
    sqlite_with_rowid=False,
)
"""Every person id ever born, with what was published of it last (without its version) and where."""

attribute_values = Table(
    "attribute_values",
    metadata,
    _key("tenant", Text),
    _key("key_id"),
    _key("name", Text),
    _key("source", Text),
    _value("time_us"),
    _value("value", LargeBinary),
    _value("verified", SmallInteger),
    sqlite_with_rowid=False,
)
"""The last that each source said of an attribute at a key; values of release portrait are sealed."""

contact_points = Table(
    "contact_points",
    metadata,
    _key("tenant", Text),
    _key("key_id"),
    _key("channel", SmallInteger),
    _key("scope", Text),
    _key("address_hash", LargeBinary),
    _value("sealed", LargeBinary),
    _value("stated_us"),
    Index("contact_points_by_address", "tenant", "address_hash"),
    sqlite_with_rowid=False,
)
"""Addresses stated at a key, sealed, with the latest statement's time."""

consents = Table(
    "consents",
    metadata,
    _key("tenant", Text),
    _key("address_hash", LargeBinary),
    _key("channel", SmallInteger),
    _key("scope", Text),
    _key("purpose", Text),
    _key("brand", Text),
    _key("time_us"),
    _key("granted", SmallInteger),
    _key("source", Text),
    _key("record_id", Text),
    _value("expire_us", nullable=True),
    _value("text_version", Text),
    _value("evidence", Text),
    sqlite_with_rowid=False,
)
"""Every permission ever given or taken back at an address; only grows."""

tenant_settings = Table(
    "tenant_settings",
    metadata,
    _key("tenant", Text),
    _value("etag", Text),
    _value("settings", Text),
    sqlite_with_rowid=False,
)
"""Settings as JSON; no row means the defaults."""

imports = Table(
    "imports",
    metadata,
    _key("tenant", Text),
    _key("import_id", Text),
    _value("opening_digest", LargeBinary),
    _value("committed_rows"),
    _value("accepted"),
    _value("known"),
    _value("differing"),
    _value("refused"),
    sqlite_with_rowid=False,
)
"""How far each bulk import is, and what became of its rows."""

acknowledgements = Table(
    "acknowledgements",
    metadata,
    _key("consumer", Text),
    _value("epoch", Text),
    _value("live"),
    _value("bulk"),
    sqlite_with_rowid=False,
)
"""How far each consumer has stored the changes."""
