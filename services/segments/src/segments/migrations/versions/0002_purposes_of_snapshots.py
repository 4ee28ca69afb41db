"""What the sensitive tags behind a snapshot are kept for.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Snapshots made before name no purposes."""
    op.add_column("snapshot", sa.Column("purposes", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
