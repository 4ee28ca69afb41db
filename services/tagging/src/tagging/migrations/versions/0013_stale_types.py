"""Says of stale persons which types of events they are stale of; "*" when anything may have changed."""

from alembic import op
from sqlalchemy import Column, Text

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("stale_person", Column("types", Text, nullable=False, server_default="*"))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
