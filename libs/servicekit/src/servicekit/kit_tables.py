"""The kit's tables in a service's own store: changelog, its head, upstream positions, request ids.

A service adds them to its MetaData with `kit_tables` and creates them in its first migration with
`create_kit_tables`; a test compares the two.
"""

from dataclasses import dataclass
from types import ModuleType

import sqlalchemy as sa
from alembic.operations import Operations
from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, SmallInteger, Table, Text


@dataclass(frozen=True)
class KitTables:
    """`changelog_head` has one row per shard; `upstream` one per (consumer, service, lane)."""

    changelog_head: Table
    changelog: Table
    upstream: Table
    request_ids: Table


def kit_tables(metadata: MetaData) -> KitTables:
    """Adds the kit's tables to a service's metadata."""
    return KitTables(
        Table("changelog_head", metadata, *_changelog_head()),
        Table("changelog", metadata, *_changelog(), sqlite_with_rowid=False),
        Table("upstream", metadata, *_upstream(), sqlite_with_rowid=False),
        Table(
            "request_ids",
            metadata,
            *_request_ids(),
            Index("request_ids_by_time", "machine_time_ms"),
            sqlite_with_rowid=False,
        ),
    )


def create_kit_tables(op: Operations | ModuleType) -> None:
    """Creates the kit's tables, first form, in a migration: `create_kit_tables(op)` with `from alembic
    import op`."""
    op.create_table("changelog_head", *_changelog_head())
    op.create_table("changelog", *_changelog(), sqlite_with_rowid=False)
    op.create_table("upstream", *_upstream(), sqlite_with_rowid=False)
    op.create_table("request_ids", *_request_ids(), sqlite_with_rowid=False)
    op.create_index("request_ids_by_time", "request_ids", ["machine_time_ms"])


def _changelog_head() -> list[Column[object]]:
    return [
        Column("shard", SmallInteger, primary_key=True, autoincrement=False),
        Column("epoch", Text, nullable=False),
        Column("position", BigInteger, nullable=False),
        Column("live_position", BigInteger, nullable=False),
        Column("bulk_position", BigInteger, nullable=False),
        Column("oldest", BigInteger, nullable=False),
        Column("payload_bytes", BigInteger, nullable=False),
    ]


def _changelog() -> list[Column[object]]:
    return [
        Column("shard", SmallInteger, primary_key=True, autoincrement=False),
        Column("lane", SmallInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", Text, nullable=False),
        Column("tenant", Text, nullable=False),
        Column("machine_time_ms", BigInteger, nullable=False),
        Column("traceparent", Text, nullable=True),
        Column("payload", LargeBinary, nullable=False),
    ]


def _upstream() -> list[Column[object]]:
    return [
        Column("consumer", Text, primary_key=True),
        Column("service", Text, primary_key=True),
        Column("lane", SmallInteger, primary_key=True, autoincrement=False),
        Column("epoch", Text, nullable=False),
        Column("position", BigInteger, nullable=False),
    ]


def _request_ids() -> list[Column[object]]:
    return [
        Column("tenant", Text, primary_key=True),
        Column("rpc", Text, primary_key=True),
        Column("request_id", Text, primary_key=True),
        Column("request_digest", sa.LargeBinary, nullable=False),
        Column("response", sa.LargeBinary, nullable=False),
        Column("machine_time_ms", BigInteger, nullable=False),
    ]
