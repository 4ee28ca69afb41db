"""Finds a person's deliveries, to tell them and to forget them, without a look at all of a tenant's.

Revision ID: 0003
Revises: 0002
"""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("delivery_by_person", "delivery", ["tenant", "person_id"])
