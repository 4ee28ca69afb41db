"""Keeps what a matching run found until it is in force."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "match_found",
        Column("tenant", Text, primary_key=True),
        Column("run_id", BigInteger, primary_key=True, autoincrement=False),
        Column("part", BigInteger, primary_key=True, autoincrement=False),
        Column("content", Text, nullable=False),
        sqlite_with_rowid=False,
    )
