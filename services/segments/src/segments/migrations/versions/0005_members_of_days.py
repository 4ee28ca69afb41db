"""Members of each day, and the version that a snapshot is of.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """The version of snapshots made before is not known."""
    op.add_column("snapshot", sa.Column("version", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "segment_day",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("population_count", sa.BigInteger, nullable=False),
        sa.Column("take_time_us", sa.BigInteger, nullable=False),
        sa.Column("as_of_us", sa.BigInteger, nullable=False),
        sa.Column("revision_token", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("segment_day_by_day", "segment_day", ["day"])
    op.create_table(
        "segment_day_members",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
    )
    op.create_index("segment_day_members_by_day", "segment_day_members", ["day"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
