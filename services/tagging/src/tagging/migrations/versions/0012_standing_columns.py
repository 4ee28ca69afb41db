"""Creates the table of columns that stand, and what runs say of how many persons they computed."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Text

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "standing_column",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("digest", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        Column("rests_on", Text, nullable=False),
        Column("claimed_by", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("run", Column("everybody", Boolean, nullable=False, server_default=sa.false()))
    op.add_column("run", Column("person_counts", Text, nullable=False, server_default="{}"))


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
