"""By which request an export was approved or rejected, to know a repeat of it; those before had none.

Revision ID: 0013
Revises: 0012
"""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column."""
    op.add_column("export_step", sa.Column("request_id", sa.Text, nullable=False, server_default=""))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
