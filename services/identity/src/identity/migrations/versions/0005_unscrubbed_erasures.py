"""Finds erasures that identity has yet to finish without a look at all that ever were."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("erasures_by_scrubbing", "erasures", ["scrubbed_us", "tenant", "erasure_id"])
