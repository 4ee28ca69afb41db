"""Kinds of segments, and members that follow no rule.

Revision ID: 0007
Revises: 0006
"""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Segments made before are dynamic."""
    for table in ("segment", "segment_version"):
        op.add_column(table, sa.Column("kind", sa.Text, nullable=False, server_default="dynamic"))
    op.create_table(
        "frozen_members",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, primary_key=True),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
