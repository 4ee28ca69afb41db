"""Folders, and segments that stand in them and have an owner.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Segments made before stand in no folder and are anybody's."""
    for name in ("folder", "owner"):
        op.add_column("segment", sa.Column(name, sa.Text, nullable=False, server_default=""))
    op.create_table(
        "folder",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("path", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
