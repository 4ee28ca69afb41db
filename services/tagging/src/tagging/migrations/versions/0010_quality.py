"""Creates the tables of quality: measurements, alerts, activity of tags by day, marks."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, SmallInteger, Text

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quality_measurement",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("time_us", BigInteger, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("score", SmallInteger, nullable=False),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quality_alert",
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("tag_id", Text, nullable=False),
        Column("kind", Text, nullable=False),
        Column("detail", Text, nullable=False),
        Column("measured", BigInteger, nullable=False),
        Column("allowed", BigInteger, nullable=False),
        Column("opened_us", BigInteger, nullable=False),
        Column("seen_us", BigInteger, nullable=False),
        Column("closed_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tag_activity",
        Column("tenant", Text, primary_key=True),
        Column("day", Integer, primary_key=True, autoincrement=False),
        Column("tag_id", Text, primary_key=True),
        Column("reads", BigInteger, nullable=False),
        Column("changes", BigInteger, nullable=False),
        Column("compute_ms", BigInteger, nullable=False),
        Column("rows_read", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tag_last_read",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "quality_mark",
        Column("tenant", Text, primary_key=True),
        Column("run_sequence", BigInteger, nullable=False),
        Column("day", Integer, nullable=False),
        Column("counted_day", Integer, nullable=False),
        Column("arrival", BigInteger, nullable=False),
        Column("event_types", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("quality_alert_by_tag", "quality_alert", ["tenant", "tag_id", "number"])
    op.create_index("quality_alert_by_closing", "quality_alert", ["tenant", "closed_us", "number"])


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
