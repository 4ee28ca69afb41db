"""Snapshots are listed by segment.

Revision ID: 0008
Revises: 0007
"""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """An index."""
    op.create_index("snapshot_by_segment", "snapshot", ["tenant", "segment_id", "create_time_us"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
