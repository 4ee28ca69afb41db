"""Tables of what is kept beside the values: statements of persons, versions of values, columns that stand, schedules
seen."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
)


def value_tables(metadata: MetaData) -> None:
    """Adds these tables to the service's metadata.

    `stated_value.value` is JSON, null takes back; `lapsed`: what was last seen of `expires_us`. `value_history.changes`
    is a packed `Recorded` of one column and block, `first_us` and `last_us` its least and greatest moment.
    `standing_column.claimed_by`: the computation under way that computes the column, "" for one that stands;
    `rests_on`: the tags that it reads, apart by blanks.
    `schedule_seen.mark`: microseconds of a due moment, or a position.
    """
    Table(
        "stated_value",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("time_us", BigInteger, nullable=False),
        Column("value", Text, nullable=True),
        Column("confidence", Integer, nullable=False),
        Column("source", Text, nullable=False),
        Column("expires_us", BigInteger, nullable=True),
        Column("lapsed", Boolean, nullable=False),
        Index("stated_value_by_expiry", "lapsed", "expires_us"),
        Index("stated_value_by_person", "tenant", "person_id"),
        sqlite_with_rowid=False,
    )
    Table(
        "kept_column",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("keep_days", Integer, nullable=False),
        Column("since_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "value_history",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("first_us", BigInteger, nullable=False),
        Column("last_us", BigInteger, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("changes", LargeBinary, nullable=False),
    )
    Table(
        "standing_column",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("digest", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        Column("rests_on", Text, nullable=False),
        Column("claimed_by", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "schedule_seen",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("schedule", Text, nullable=False),
        Column("mark", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
