"""Tables of what is declared of events, and of what came in."""

from sqlalchemy import BigInteger, Column, MetaData, Table, Text


def event_type_tables(metadata: MetaData) -> None:
    """Adds them to the service's metadata. `declaration_head.version` rises with every declaration;
    `survey_cursor.arrival` is the last event that was looked at; `seen_property.kind` is a word of SEEN_KINDS."""
    Table(
        "declared_event_type",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "declaration_head",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "seen_event_type",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("event_count", BigInteger, nullable=False),
        Column("unlisted_count", BigInteger, nullable=False),
        Column("first_us", BigInteger, nullable=False),
        Column("last_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "seen_property",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("source", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("count", BigInteger, nullable=False),
        Column("first_us", BigInteger, nullable=False),
        Column("last_us", BigInteger, nullable=False),
        Column("examples", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "survey_cursor",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("arrival", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
