"""Creates the tables of statements, kept versions and schedules; runs say why they started and what they cost."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, Text, text

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_statements()
    _create_history()
    op.create_table(
        "schedule_seen",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("schedule", Text, nullable=False),
        Column("mark", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.add_column("run", Column("cause", Text, nullable=False, server_default="request"))
    op.add_column("run", Column("because", Text, nullable=False, server_default=""))
    op.add_column("run", Column("cpu_ms", BigInteger, nullable=False, server_default="0"))
    op.add_column("run", Column("rows_read", BigInteger, nullable=False, server_default="0"))
    op.add_column("run", Column("costs", Text, nullable=False, server_default="{}"))
    op.create_index(
        "person_by_redirect",
        "person",
        ["tenant", "redirect_person_id"],
        sqlite_where=text("redirect_person_id > 0"),
        postgresql_where=text("redirect_person_id > 0"),
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")


def _create_statements() -> None:
    op.create_table(
        "stated_value",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("time_us", BigInteger, nullable=False),
        Column("value", Text, nullable=True),
        Column("confidence", Integer, nullable=False),
        Column("source", Text, nullable=False),
        Column("expires_us", BigInteger, nullable=True),
        Column("lapsed", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("stated_value_by_expiry", "stated_value", ["lapsed", "expires_us"])
    op.create_index("stated_value_by_person", "stated_value", ["tenant", "person_id"])


def _create_history() -> None:
    op.create_table(
        "kept_column",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("keep_days", Integer, nullable=False),
        Column("since_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "value_history",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("first_us", BigInteger, nullable=False),
        Column("last_us", BigInteger, nullable=False),
        Column("size_bytes", Integer, nullable=False),
        Column("changes", LargeBinary, nullable=False),
    )
