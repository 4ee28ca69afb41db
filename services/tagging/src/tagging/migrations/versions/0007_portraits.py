"""Creates the tables of portraits: templates, what is typical of their classes, the secret of hot copies."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, Text

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "portrait_template",
        Column("tenant", Text, primary_key=True),
        Column("template_id", Text, primary_key=True),
        Column("document", Text, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "class_profile",
        Column("tenant", Text, primary_key=True),
        Column("template_id", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "hot_copy_secret",
        Column("number", SmallInteger, primary_key=True, autoincrement=False),
        Column("secret", LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
