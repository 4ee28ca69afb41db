"""Tables of the facts: events, the key map, tenants, the lake's manifest, reference rows, progress."""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)


def fact_tables(metadata: MetaData) -> None:
    """Adds the tables of the facts to the service's metadata."""
    _events(metadata)
    _persons(metadata)
    _lake(metadata)
    _references(metadata)
    Table(
        "tenant",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        Column("settings", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "stale_person",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, nullable=False),
        Column("overtaken", SmallInteger, nullable=False),
        Column("types", Text, nullable=False),
        Index("stale_person_by_position", "position"),
        sqlite_with_rowid=False,
    )
    Table(
        "identity_epoch",
        metadata,
        Column("epoch", Text, primary_key=True),
        Column("number", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _events(metadata: MetaData) -> None:
    """`arrival` counts the events of a tenant as they are stored; those above the counter's `flushed_arrival`
    are not yet in files. `replaced_event` has numbers of events that stand under a higher one now."""
    Table(
        "event",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("ingest_sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("arrival", BigInteger, nullable=False),
        Column("source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("time_us", BigInteger, nullable=False),
        Column("anchor_key_id", BigInteger, nullable=False),
        Column("other_key_ids", Text, nullable=False),
        Column("brand", Text, nullable=False),
        Column("properties", Text, nullable=False),
        Column("extra", Text, nullable=False),
        Index("event_by_id", "tenant", "source", "event_id", unique=True),
        Index("event_by_key", "tenant", "anchor_key_id", "time_us"),
        Index("event_by_time", "tenant", "time_us", "anchor_key_id"),
        Index("event_by_arrival", "tenant", "arrival"),
    )
    Table(
        "replaced_event",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("ingest_sequence", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    Table(
        "fact_counter",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("arrival", BigInteger, nullable=False),
        Column("flushed_arrival", BigInteger, nullable=False),
        Column("recent_bytes", BigInteger, nullable=False),
        Column("recent_since_ms", BigInteger, nullable=False),
        Column("key_change", BigInteger, nullable=False),
        Column("highest_person_id", BigInteger, nullable=False),
        Column("highest_key_id", BigInteger, nullable=False),
        Column("highest_ingest_sequence", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _persons(metadata: MetaData) -> None:
    """`key_ids` of a person is what its statement lists (little-endian int64); `key_owner` who has each key. `change`
    is the counter's `key_change` of what made a row as it is. `contested_key` holds listings by persons that do not
    have the key: another lists it too. `person_file` names files that hold everybody up to a change."""
    Table(
        "person",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("version", BigInteger, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("redirect_person_id", BigInteger, nullable=False),
        Column("birth_hash", BigInteger, nullable=False),
        Column("key_ids", LargeBinary, nullable=False),
        Column("attributes", Text, nullable=False),
        Column("change", BigInteger, nullable=False, server_default="0"),
        Index("person_by_change", "tenant", "change"),
        Index("person_by_state", "tenant", "state", "person_id"),
        Index(
            "person_by_redirect",
            "tenant",
            "redirect_person_id",
            sqlite_where=text("redirect_person_id > 0"),
            postgresql_where=text("redirect_person_id > 0"),
        ),
    )
    Table(
        "key_owner",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("key_id", BigInteger, primary_key=True, autoincrement=False),
        Column("person_id", BigInteger, nullable=False),
        Column("change", BigInteger, nullable=False),
        Index("key_owner_by_person", "tenant", "person_id"),
        Index("key_owner_by_change", "tenant", "change"),
        sqlite_with_rowid=False,
    )
    Table(
        "contested_key",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("key_id", BigInteger, primary_key=True, autoincrement=False),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    Table(
        "person_file",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("change", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _lake(metadata: MetaData) -> None:
    Table(
        "lake_file",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        Column("event_count", BigInteger, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _references(metadata: MetaData) -> None:
    """`reference_head.version` rises with every change of the table's rows; `change` of a row is the one that made it
    what it is. `mapping_change` has what stored values do not follow yet."""
    Table(
        "reference_version",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("table_name", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("from_us", BigInteger, primary_key=True, autoincrement=False),
        Column("columns", Text, nullable=False),
        Column("has_ended", SmallInteger, nullable=False),
        Column("change", BigInteger, nullable=False),
        Index("reference_version_by_change", "tenant", "table_name", "change"),
        sqlite_with_rowid=False,
    )
    Table(
        "mapping_change",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("number", BigInteger, nullable=False),
        Column("since_ms", BigInteger, nullable=False),
        Column("latest_ms", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "reference_head",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("table_name", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        Column("version_count", BigInteger, nullable=False, server_default="0"),
        sqlite_with_rowid=False,
    )
