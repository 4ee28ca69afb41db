"""The first tables of segments.

Revision ID: 0001
Revises:
"""

import sqlalchemy as sa
from alembic import op
from servicekit.kit_tables import create_kit_tables

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates everything."""
    create_kit_tables(op)
    _create_segments()
    _create_catalogue()
    _create_columns()


def _create_segments() -> None:
    op.create_table(
        "segment",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, primary_key=True),
        sa.Column("display_name", sa.Text, nullable=False),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("rule", sa.Text, nullable=False),
        sa.Column("canonical_rule", sa.Text, nullable=False),
        sa.Column("population", sa.Text, nullable=False),
        sa.Column("brand", sa.Text, nullable=False),
        sa.Column("etag", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("update_time_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tenant_moment",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("moment_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshot",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("snapshot_id", sa.Text, primary_key=True),
        sa.Column("segment_id", sa.Text, nullable=False),
        sa.Column("canonical_rule", sa.Text, nullable=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("population_count", sa.BigInteger, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("as_of_us", sa.BigInteger, nullable=False),
        sa.Column("revision_token", sa.Text, nullable=False),
        sa.Column("members", sa.LargeBinary, nullable=False),
    )
    op.create_index("snapshot_by_create_time", "snapshot", ["create_time_us"])


def _create_catalogue() -> None:
    op.create_table(
        "tag",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("tag_id", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("born", sa.BigInteger, nullable=False),
        sa.Column("definition", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "feature",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("form", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("born", sa.BigInteger, nullable=False),
        sa.Column("values_column", sa.Text, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("done_count", sa.BigInteger, nullable=False),
        sa.Column("total_count", sa.BigInteger, nullable=False),
        sa.Column("failure", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tenant_day",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.Column("time_zone", sa.Text, nullable=False),
        sa.Column("week_start", sa.SmallInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "event_dictionary",
        sa.Column("id", sa.SmallInteger, primary_key=True, autoincrement=False),
        sa.Column("content", sa.Text, nullable=False),
    )


def _create_columns() -> None:
    op.create_table(
        "person",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("redirect_person_id", sa.BigInteger, nullable=False),
        sa.Column("birth_hash", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "column_text",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("values_column", sa.Text, primary_key=True),
        sa.Column("code", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("text", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "column_block",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("values_column", sa.Text, primary_key=True),
        sa.Column("block", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("pack", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "value_delta",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("values_column", sa.Text, primary_key=True),
        sa.Column("person_id", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("position", sa.BigInteger, nullable=False),
        sa.Column("codes", sa.Text, nullable=True),
        sqlite_with_rowid=False,
    )
