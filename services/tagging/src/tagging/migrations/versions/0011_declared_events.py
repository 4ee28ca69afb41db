"""Creates the tables of declared event types and of what came in."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "declared_event_type",
        Column("tenant", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "declaration_head",
        Column("tenant", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seen_event_type",
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("event_count", BigInteger, nullable=False),
        Column("unlisted_count", BigInteger, nullable=False),
        Column("first_us", BigInteger, nullable=False),
        Column("last_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "seen_property",
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
    op.create_table(
        "survey_cursor",
        Column("tenant", Text, primary_key=True),
        Column("arrival", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
