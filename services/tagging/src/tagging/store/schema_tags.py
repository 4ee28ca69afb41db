"""Tables of the tags: catalogue, values, cuts, runs, features, and who is due."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    false,
)
from tagging.store.schema_values import value_tables


def tag_tables(metadata: MetaData) -> None:
    """Adds the tables of the tags to the service's metadata, those beside their values included."""
    value_tables(metadata)
    Table(
        "tag",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("document", Text, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        Column("coverage", BigInteger, nullable=False),
        Column("deprecated", Boolean, nullable=False),
        Column("replacement", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    _values(metadata)
    Table(
        "cut",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        Column("thresholds", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    _runs(metadata)
    _features(metadata)
    Table(
        "due_person",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("due_us", BigInteger, nullable=False),
        Index("due_person_by_time", "tenant", "due_us"),
        sqlite_with_rowid=False,
    )


def _values(metadata: MetaData) -> None:
    """`value_block.file` names the block's files, bottom up, apart by blanks: one of all its values, then overlays by
    their places; "" is a block without a known value. A row of `value_delta` stands above its block;
    `codes` are little-endian int64, none is unknown. `value_text.sent`: a packed entry told it."""
    Table(
        "value_column",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("base", Text, nullable=False),
        Column("multi_valued", Boolean, nullable=False),
        Column("weighted", Boolean, nullable=False, server_default=false()),
        sqlite_with_rowid=False,
    )
    Table(
        "value_block",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, primary_key=True, autoincrement=False),
        Column("file", Text, nullable=False),
        Column("known_count", Integer, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "value_delta",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, nullable=False),
        Column("codes", LargeBinary, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        Index("value_delta_by_block", "tenant", "column_name", "block"),
        sqlite_with_rowid=False,
    )
    Table(
        "value_text",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("code", BigInteger, primary_key=True, autoincrement=False),
        Column("text", Text, nullable=False),
        Column("sent", Boolean, nullable=False),
        Index("value_text_by_text", "tenant", "column_name", "text", unique=True),
        sqlite_with_rowid=False,
    )
    Table(
        "retired_file",
        metadata,
        Column("file", Text, primary_key=True),
        Column("machine_time_ms", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _runs(metadata: MetaData) -> None:
    """A computation under way, of a run or of anything else that computes everybody, keeps who was touched
    since it began: their stream value is newer. `run.cause` is a `Cause`, `because` what it names; `failures` are
    [reason, detail] by tag, `costs` [milliseconds, rows read] by tag, `person_counts` the persons computed by tag."""
    Table(
        "run",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("run_id", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("tag_ids", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=True),
        Column("started_ms", BigInteger, nullable=True),
        Column("ended_ms", BigInteger, nullable=True),
        Column("tag_count", Integer, nullable=False),
        Column("coverage", Text, nullable=False),
        Column("failures", Text, nullable=False),
        Column("cancel", Boolean, nullable=False),
        Column("revision", Text, nullable=False),
        Column("cause", Text, nullable=False),
        Column("because", Text, nullable=False),
        Column("cpu_ms", BigInteger, nullable=False),
        Column("rows_read", BigInteger, nullable=False),
        Column("costs", Text, nullable=False),
        Column("everybody", Boolean, nullable=False),
        Column("person_counts", Text, nullable=False),
        Index("run_by_request", "tenant", "request_id", unique=True),
        Index("run_by_sequence", "tenant", "sequence", unique=True),
        Index("run_by_state", "state", "tenant", "sequence"),
        sqlite_with_rowid=False,
    )
    Table(
        "computation",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("computation_id", Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    Table(
        "touched_person",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("computation_id", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _features(metadata: MetaData) -> None:
    """`unneeded_ms`: machine time since when nobody needs the form; null while somebody does."""
    Table(
        "feature",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("form", Text, primary_key=True),
        Column("column_name", Text, nullable=False),
        Column("base", Text, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("done_count", BigInteger, nullable=False),
        Column("total_count", BigInteger, nullable=False),
        Column("failure", Text, nullable=False),
        Column("unneeded_ms", BigInteger, nullable=True),
        sqlite_with_rowid=False,
    )
    Table(
        "feature_need",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("consumer", Text, primary_key=True),
        Column("form", Text, primary_key=True),
        sqlite_with_rowid=False,
    )
