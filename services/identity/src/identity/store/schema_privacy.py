"""The tables of keeping, erasing and proving. Times are microseconds since 1970."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, Text


def _key(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def privacy_tables(metadata: MetaData) -> None:
    """Adds the tables to the service's own."""
    _audit_tables(metadata)
    _sealing_tables(metadata)
    _erasure_tables(metadata)


def _audit_tables(metadata: MetaData) -> None:
    """`audit`: who saw or changed personal data, one row per call, each with its chain's hash; only grows. `details`
    is JSON without personal data. `audit_ends`: the end of each tenant's chain, locked by whoever adds."""
    Table(
        "audit",
        metadata,
        _key("tenant", Text),
        _key("sequence"),
        _value("subject", Text),
        _value("action", Text),
        _value("reason", Text),
        _value("details", Text),
        _value("person_ids", LargeBinary),
        _value("time_us"),
        _value("machine_time_us"),
        _value("hash", LargeBinary),
        sqlite_with_rowid=False,
    )
    Table(
        "audit_ends",
        metadata,
        _key("tenant", Text),
        _value("sequence"),
        _value("hash", LargeBinary),
        sqlite_with_rowid=False,
    )


def _sealing_tables(metadata: MetaData) -> None:
    """`sealing_keys`: every key that the store was written with, by what tells it from others; key 0 is the secret of
    hashes. `resealing`: how far texts are sealed with the newest key, by table; `place` is JSON."""
    Table(
        "sealing_keys",
        metadata,
        _key("key_id", Integer),
        _value("digest", LargeBinary),
        _value("retired", SmallInteger),
        sqlite_with_rowid=False,
    )
    Table(
        "resealing",
        metadata,
        _key("part", Text),
        _value("key_id", Integer),
        _value("place", Text),
        _value("finished", SmallInteger),
        sqlite_with_rowid=False,
    )


def _erasure_tables(metadata: MetaData) -> None:
    """`erasures` with the keys that are masked (64-bit little-endian); `erased_persons` finds one by any id that was
    the person's; `tombstones` are keyed hashes of what the person was known by; `erasure_confirmations` say which
    services hold nothing of it any more."""
    Table(
        "erasures",
        metadata,
        _key("tenant", Text),
        _key("erasure_id"),
        _value("person_ids", LargeBinary),
        _value("key_ids", LargeBinary),
        _value("subject", Text),
        _value("reason", Text),
        _value("time_us"),
        _value("counts", Text),
        _value("position"),
        _value("scrubbed_us"),
        Index("erasures_by_scrubbing", "scrubbed_us", "tenant", "erasure_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "erased_persons",
        metadata,
        _key("tenant", Text),
        _key("person_id"),
        _value("erasure_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "tombstones",
        metadata,
        _key("tenant", Text),
        _key("hash", LargeBinary),
        _value("erasure_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "erasure_confirmations",
        metadata,
        _key("tenant", Text),
        _key("erasure_id"),
        _key("service", Text),
        _value("time_us"),
        sqlite_with_rowid=False,
    )
