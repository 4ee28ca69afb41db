"""Members that stand only until their rule can be computed again.

Revision ID: 0014
Revises: 0013
"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Those of before follow no rule for good, or until the day turns."""
    op.add_column("frozen_members", sa.Column("stale", sa.Boolean, nullable=False, server_default=sa.false()))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
