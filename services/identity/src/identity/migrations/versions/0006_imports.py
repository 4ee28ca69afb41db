"""Keeps how far bulk imports are."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, Text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "imports",
        Column("tenant", Text, primary_key=True),
        Column("import_id", Text, primary_key=True),
        Column("opening_digest", LargeBinary, nullable=False),
        *(
            Column(name, BigInteger, nullable=False)
            for name in ("committed_rows", "accepted", "known", "differing", "refused")
        ),
        sqlite_with_rowid=False,
    )
