"""The periods of a tenant's calendar that rules may name; none told yet: those that are shipped.

Revision ID: 0011
Revises: 0010
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """A column."""
    op.add_column("tenant_day", sa.Column("periods", sa.Text))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
