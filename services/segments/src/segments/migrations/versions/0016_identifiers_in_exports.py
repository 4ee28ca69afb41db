"""Which identifiers an export has, and what consent for them is asked for; those before had none.

Revision ID: 0016
Revises: 0015
"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Columns."""
    for name, default in (("namespaces", "[]"), ("purpose", ""), ("brand", "")):
        op.add_column("export", sa.Column(name, sa.Text, nullable=False, server_default=default))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
