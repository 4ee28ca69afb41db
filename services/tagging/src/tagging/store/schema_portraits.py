"""Tables of the portraits: templates, what is typical of their classes, and the secret of hot copies."""

from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, SmallInteger, Table, Text


def portrait_tables(metadata: MetaData) -> None:
    """Adds the tables of the portraits to the service's metadata. Documents are JSON."""
    Table(
        "portrait_template",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("template_id", Text, primary_key=True),
        Column("document", Text, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "class_profile",
        metadata,
        Column("tenant", Text, primary_key=True),
        Column("template_id", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    Table(
        "hot_copy_secret",
        metadata,
        Column("number", SmallInteger, primary_key=True, autoincrement=False),
        Column("secret", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
