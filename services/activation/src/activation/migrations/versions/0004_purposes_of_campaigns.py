"""The purposes whose consent a campaign's snapshot asks for beside marketing.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("campaign", sa.Column("purposes", sa.Text, nullable=False, server_default="[]"))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
