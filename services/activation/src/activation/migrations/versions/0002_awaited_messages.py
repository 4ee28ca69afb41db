"""A callback that came before the answer to its message says which message it waits for.

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
    """Callbacks stored before wait for none: they are looked at as time goes by."""
    op.add_column("receipt_inbox", sa.Column("awaits", sa.Text, nullable=False, server_default=""))
    op.create_index("receipt_inbox_by_message", "receipt_inbox", ["account", "awaits"])
