"""The moment that the packed values of a column hold for, as runs told it.

Revision ID: 0015
Revises: 0014
"""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Of columns that were told before, the next run says it."""
    op.create_table(
        "column_as_of",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("values_column", sa.Text, primary_key=True),
        sa.Column("as_of_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
