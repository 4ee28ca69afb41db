"""Says of persons by which change they are as they are, and names files of who lives and whose each key is."""

from alembic import op
from sqlalchemy import BigInteger, Column, Text

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("person", Column("change", BigInteger, nullable=False, server_default="0"))
    op.create_index("person_by_change", "person", ["tenant", "change"])
    op.create_table(
        "person_file",
        Column("tenant", Text, primary_key=True),
        Column("name", Text, nullable=False),
        Column("change", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
