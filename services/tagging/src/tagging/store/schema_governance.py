"""Tables of governance: lives with their drafts, versions, history, requests, categories, naming rules, uses."""

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, Table, Text


def governance_tables(metadata: MetaData) -> None:
    """Adds the tables of governance to the service's metadata."""
    _lives(metadata)
    _history(metadata)
    Table(
        "tag_request",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_request_id", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("requester", Text, nullable=False),
        Column("name_zh", Text, nullable=False),
        Column("name_en", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("wanted_use", Text, nullable=False),
        Column("due", Text, nullable=False),
        Column("tag_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("decider", Text, nullable=False),
        Column("decision", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("create_time_us", BigInteger, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        Index("tag_request_by_sequence", "tenant", "sequence", unique=True),
        sqlite_with_rowid=False,
    )
    Table(
        "category",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("name_zh", Text, nullable=False),
        Column("name_en", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "naming_rules",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "tag_use",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("consumer", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("tag_ids", Text, nullable=False),
        Column("segments", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _lives(metadata: MetaData) -> None:
    """`draft_state` is "" without a draft, `draft` then, too; `deleted_us` null while the tag is not deleted."""
    Table(
        "tag_life",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("standing", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("owner", Text, nullable=False),
        Column("replacement", Text, nullable=False),
        Column("tag_request_id", Text, nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        Column("draft_state", Text, nullable=False),
        Column("draft", Text, nullable=False),
        Column("deleted_us", BigInteger, nullable=True),
        Column("deleter", Text, nullable=False),
        Index("tag_life_by_deletion", "deleted_us"),
        sqlite_with_rowid=False,
    )
    Table(
        "tag_version",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("document", Text, nullable=False),
        Column("start_time_us", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("reviewer", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _history(metadata: MetaData) -> None:
    Table(
        "governance_history",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("tag_id", Text, nullable=False),
        Column("tag_request_id", Text, nullable=False),
        Column("time_us", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("step", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("from_state", Text, nullable=False),
        Column("to_state", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("forced", Boolean, nullable=False),
        Index("governance_history_by_tag", "tenant", "tag_id", "number"),
        Index("governance_history_by_request", "tenant", "tag_request_id", "number"),
        sqlite_with_rowid=False,
    )
