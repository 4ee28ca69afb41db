"""The tables of linking beyond the evidence itself: policies, what humans decided, matches, conflicts, history."""

from typing import Any

from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, SmallInteger, Table, Text


def _key(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: Any = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def linking_tables(metadata: MetaData) -> None:
    """Adds the tables to the service's own."""
    _policy_tables(metadata)
    _operation_tables(metadata)
    _derived_tables(metadata)


def _policy_tables(metadata: MetaData) -> None:
    """`policies`: every version of a tenant's linking policy as JSON; `tenants.policy_version` says which is in force,
    0 for the built-in one."""
    Table(
        "policies",
        metadata,
        _key("tenant", Text),
        _key("version"),
        _value("document", Text),
        _value("actor", Text),
        _value("reason", Text),
        _value("time_us"),
        sqlite_with_rowid=False,
    )


def _operation_tables(metadata: MetaData) -> None:
    """`operations`: what humans decided, in order; only grows but for `undone_by`, 0 while the operation stands.
    `verdict_keys`: the keys of each, by side."""
    Table(
        "operations",
        metadata,
        _key("tenant", Text),
        _key("operation_id"),
        _value("kind", SmallInteger),
        _value("actor", Text),
        _value("reason", Text),
        _value("time_us"),
        _value("undoes"),
        _value("undone_by"),
        sqlite_with_rowid=False,
    )
    Table(
        "verdict_keys",
        metadata,
        _key("tenant", Text),
        _key("key_id"),
        _key("operation_id"),
        _value("side", SmallInteger),
        Index("verdict_keys_by_operation", "tenant", "operation_id"),
        sqlite_with_rowid=False,
    )


def _derived_tables(metadata: MetaData) -> None:
    """`probable_links`: what the latest matching run found. `conflicts`: pairs seen together and not linked, and since
    when. `merges`: which keys went from one person to another, when and why; only grows."""
    Table(
        "probable_links",
        metadata,
        _key("tenant", Text),
        _key("low"),
        _key("high"),
        _value("score"),
        _value("run_id", Text),
        _value("model_version", Text),
        Index("probable_links_by_high", "tenant", "high"),
        sqlite_with_rowid=False,
    )
    Table(
        "conflicts",
        metadata,
        _key("tenant", Text),
        _key("key_id"),
        _key("other_key_id"),
        _key("reason", SmallInteger),
        _value("first_us"),
        Index("conflicts_by_other", "tenant", "other_key_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "merges",
        metadata,
        _key("tenant", Text),
        _key("sequence"),
        _value("time_us"),
        _value("kind", SmallInteger),
        _value("person_id"),
        _value("other_person_id"),
        _value("moved_key_ids", LargeBinary),
        _value("cause_kind", SmallInteger),
        _value("cause_source", Text),
        _value("cause_id", Text),
        Index("merges_by_person", "tenant", "person_id", "sequence"),
        Index("merges_by_other", "tenant", "other_person_id", "sequence"),
        sqlite_with_rowid=False,
    )
