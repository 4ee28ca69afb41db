"""Tables of the lake's upkeep: retention by type, the horizon of what counts, proofs of erasures."""

from sqlalchemy import BigInteger, Column, Integer, MetaData, Table, Text


def lake_tables(metadata: MetaData) -> None:
    """Adds them to the service's metadata. `event_horizon.type` is "" for all types without a row."""
    Table(
        "event_retention",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("days", Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "event_horizon",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("from_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "erasure_proof",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
