"""Versions of what is said of segments.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TEXTS = (
    "display_name",
    "description",
    "rule",
    "canonical_rule",
    "population",
    "brand",
    "folder",
    "owner",
)


def upgrade() -> None:
    """What is said so far is the first version, in force since it was said; nobody knows who said it."""
    op.add_column("segment", sa.Column("version", sa.Integer, nullable=False, server_default="1"))
    op.create_table(
        "segment_version",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.Text, nullable=False) for name in _TEXTS),
        sa.Column("start_time_us", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.execute(
        "INSERT INTO segment_version (tenant, segment_id, version, display_name, description, rule, canonical_rule, "
        "population, brand, folder, owner, start_time_us, subject, reason) "
        "SELECT tenant, segment_id, 1, display_name, description, rule, canonical_rule, "
        "population, brand, folder, owner, update_time_us, '', '' FROM segment"
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
