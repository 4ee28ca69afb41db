"""Tables of quality: measurements, alerts, what was counted of tags by day, and how far the looks have come."""

from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, SmallInteger, Table, Text


def quality_tables(metadata: MetaData) -> None:
    """Adds them to the service's metadata. Days are since 1970, UTC.

    `quality_alert.closed_us` is 0 while the alert is open. `quality_mark.run_sequence`: of the last run that was looked
    at, `arrival` how far events were, `event_types` those that ever came, `counted_day` when counting began.
    """
    Table(
        "quality_measurement",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("time_us", BigInteger, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("score", SmallInteger, nullable=False),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "quality_alert",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("tag_id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("measured", BigInteger, nullable=False),
        Column("allowed", BigInteger, nullable=False),
        Column("opened_us", BigInteger, nullable=False),
        Column("seen_us", BigInteger, nullable=False),
        Column("closed_us", BigInteger, nullable=False),
        Index("quality_alert_by_tag", "tenant", "tag_id", "number"),
        Index("quality_alert_by_closing", "tenant", "closed_us", "number"),
        sqlite_with_rowid=False,
    )
    Table(
        "tag_activity",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("day", Integer, primary_key=True, autoincrement=False),
        Column("tag_id", Text, primary_key=True),
        Column("reads", BigInteger, nullable=False),
        Column("changes", BigInteger, nullable=False),
        Column("compute_ms", BigInteger, nullable=False),
        Column("rows_read", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "tag_last_read",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "quality_mark",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("run_sequence", BigInteger, nullable=False),
        Column("day", Integer, nullable=False),
        Column("counted_day", Integer, nullable=False),
        Column("arrival", BigInteger, nullable=False),
        Column("event_types", Text, nullable=False),
        sqlite_with_rowid=False,
    )
