"""Creates the tables of the lake's upkeep: retention by type, the horizon, proofs of erasures."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, Text

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "event_retention",
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("days", Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_horizon",
        Column("tenant", Text, primary_key=True),
        Column("type", Text, primary_key=True),
        Column("from_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "erasure_proof",
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
