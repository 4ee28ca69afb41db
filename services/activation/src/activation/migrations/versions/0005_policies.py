"""What a tenant lets be sent: its policy, by version; the day that a delivery counts for, and what was decided of it.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Deliveries decided before count for no cap: there were none."""
    op.create_table(
        "policy_head",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "policy_version",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("version", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("document", sa.Text, nullable=False),
        sa.Column("update_us", sa.BigInteger, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("campaign", sa.Column("control_salt", sa.Text, nullable=False, server_default=""))
    op.add_column(
        "campaign", sa.Column("control_basis_points", sa.Integer, nullable=False, server_default="0")
    )
    op.add_column("delivery", sa.Column("counted_day", sa.Integer))
    op.add_column("delivery", sa.Column("grounds", sa.Text, nullable=False, server_default=""))
    counted = sa.text("counted_day IS NOT NULL")
    op.create_index(
        "delivery_by_count",
        "delivery",
        ["tenant", "birth_key_id", "counted_day"],
        sqlite_where=counted,
        postgresql_where=counted,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
