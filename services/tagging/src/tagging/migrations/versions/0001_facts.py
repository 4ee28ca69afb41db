"""Creates the kit's tables and those of the facts."""

from alembic import op
from servicekit.kit_tables import create_kit_tables
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_kit_tables(op)
    _create_events()
    _create_persons()
    _create_the_rest()


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")


def _create_events() -> None:
    op.create_table(
        "event",
        Column("tenant", Text, primary_key=True),
        Column("ingest_sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("arrival", BigInteger, nullable=False),
        Column("source", Text, nullable=False),
        Column("event_id", Text, nullable=False),
        Column("type", Text, nullable=False),
        Column("time_us", BigInteger, nullable=False),
        Column("anchor_key_id", BigInteger, nullable=False),
        Column("other_key_ids", Text, nullable=False),
        Column("brand", Text, nullable=False),
        Column("properties", Text, nullable=False),
        Column("extra", Text, nullable=False),
    )
    op.create_index("event_by_id", "event", ["tenant", "source", "event_id"], unique=True)
    op.create_index("event_by_key", "event", ["tenant", "anchor_key_id", "time_us"])
    op.create_index("event_by_time", "event", ["tenant", "time_us", "anchor_key_id"])
    op.create_index("event_by_arrival", "event", ["tenant", "arrival"])
    op.create_table(
        "fact_counter",
        Column("tenant", Text, primary_key=True),
        Column("arrival", BigInteger, nullable=False),
        Column("flushed_arrival", BigInteger, nullable=False),
        Column("recent_bytes", BigInteger, nullable=False),
        Column("recent_since_ms", BigInteger, nullable=False),
        Column("key_change", BigInteger, nullable=False),
        Column("highest_person_id", BigInteger, nullable=False),
        Column("highest_key_id", BigInteger, nullable=False),
        Column("highest_ingest_sequence", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_persons() -> None:
    op.create_table(
        "person",
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("version", BigInteger, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("redirect_person_id", BigInteger, nullable=False),
        Column("birth_hash", BigInteger, nullable=False),
        Column("key_ids", LargeBinary, nullable=False),
        Column("attributes", Text, nullable=False),
    )
    op.create_index("person_by_state", "person", ["tenant", "state", "person_id"])
    op.create_table(
        "key_owner",
        Column("tenant", Text, primary_key=True),
        Column("key_id", BigInteger, primary_key=True, autoincrement=False),
        Column("person_id", BigInteger, nullable=False),
        Column("change", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("key_owner_by_person", "key_owner", ["tenant", "person_id"])
    op.create_index("key_owner_by_change", "key_owner", ["tenant", "change"])
    op.create_table(
        "contested_key",
        Column("tenant", Text, primary_key=True),
        Column("key_id", BigInteger, primary_key=True, autoincrement=False),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "stale_person",
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("position", BigInteger, nullable=False),
        Column("overtaken", SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("stale_person_by_position", "stale_person", ["position"])


def _create_the_rest() -> None:
    op.create_table(
        "tenant",
        Column("tenant", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        Column("settings", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "identity_epoch",
        Column("epoch", Text, primary_key=True),
        Column("number", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "lake_file",
        Column("tenant", Text, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("day", Integer, nullable=False),
        Column("event_count", BigInteger, nullable=False),
        Column("size_bytes", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reference_row",
        Column("tenant", Text, primary_key=True),
        Column("table_name", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("columns", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "reference_head",
        Column("tenant", Text, primary_key=True),
        Column("table_name", Text, primary_key=True),
        Column("version", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
