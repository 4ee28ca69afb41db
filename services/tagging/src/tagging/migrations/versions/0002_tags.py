"""Creates the tables of the tags."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, SmallInteger, Text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _create_catalogue()
    _create_values()
    _create_runs()
    _create_features()


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")


def _create_catalogue() -> None:
    op.create_table(
        "tag",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("version", Integer, nullable=False),
        Column("document", Text, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        Column("coverage", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "cut",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("version", Integer, nullable=False),
        Column("run_id", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        Column("thresholds", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "due_person",
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("due_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("due_person_by_time", "due_person", ["tenant", "due_us"])


def _create_values() -> None:
    op.create_table(
        "value_column",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("base", Text, nullable=False),
        Column("multi_valued", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "value_block",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, primary_key=True, autoincrement=False),
        Column("file", Text, nullable=False),
        Column("known_count", Integer, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "value_delta",
        Column("tenant", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        Column("column_name", Text, primary_key=True),
        Column("block", Integer, nullable=False),
        Column("codes", LargeBinary, nullable=False),
        Column("as_of_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("value_delta_by_block", "value_delta", ["tenant", "column_name", "block"])
    op.create_table(
        "value_text",
        Column("tenant", Text, primary_key=True),
        Column("column_name", Text, primary_key=True),
        Column("code", BigInteger, primary_key=True, autoincrement=False),
        Column("text", Text, nullable=False),
        Column("sent", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("value_text_by_text", "value_text", ["tenant", "column_name", "text"], unique=True)
    op.create_table(
        "retired_file",
        Column("file", Text, primary_key=True),
        Column("machine_time_ms", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_runs() -> None:
    op.create_table(
        "run",
        Column("tenant", Text, primary_key=True),
        Column("run_id", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("request_id", Text, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("tag_ids", Text, nullable=False),
        Column("as_of_us", BigInteger, nullable=True),
        Column("started_ms", BigInteger, nullable=True),
        Column("ended_ms", BigInteger, nullable=True),
        Column("tag_count", Integer, nullable=False),
        Column("coverage", Text, nullable=False),
        Column("failures", Text, nullable=False),
        Column("cancel", Boolean, nullable=False),
        Column("revision", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("run_by_request", "run", ["tenant", "request_id"], unique=True)
    op.create_index("run_by_sequence", "run", ["tenant", "sequence"], unique=True)
    op.create_index("run_by_state", "run", ["state", "tenant", "sequence"])
    op.create_table(
        "computation",
        Column("tenant", Text, primary_key=True),
        Column("computation_id", Text, primary_key=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "touched_person",
        Column("tenant", Text, primary_key=True),
        Column("computation_id", Text, primary_key=True),
        Column("person_id", BigInteger, primary_key=True, autoincrement=False),
        sqlite_with_rowid=False,
    )


def _create_features() -> None:
    op.create_table(
        "feature",
        Column("tenant", Text, primary_key=True),
        Column("form", Text, primary_key=True),
        Column("column_name", Text, nullable=False),
        Column("base", Text, nullable=False),
        Column("state", SmallInteger, nullable=False),
        Column("done_count", BigInteger, nullable=False),
        Column("total_count", BigInteger, nullable=False),
        Column("failure", Text, nullable=False),
        Column("unneeded_ms", BigInteger, nullable=True),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feature_need",
        Column("tenant", Text, primary_key=True),
        Column("consumer", Text, primary_key=True),
        Column("form", Text, primary_key=True),
        sqlite_with_rowid=False,
    )
