"""Keeps versions of reference rows, and what stored values do not follow yet."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Column, SmallInteger, Text

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

ALWAYS_US = -62_135_596_800_000_000
"""The first moment of year 1: rows so far were never others."""


def upgrade() -> None:
    op.create_table(
        "reference_version",
        Column("tenant", Text, primary_key=True),
        Column("table_name", Text, primary_key=True),
        Column("key", Text, primary_key=True),
        Column("from_us", BigInteger, primary_key=True, autoincrement=False),
        Column("columns", Text, nullable=False),
        Column("has_ended", SmallInteger, nullable=False),
        Column("change", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("reference_version_by_change", "reference_version", ["tenant", "table_name", "change"])
    op.execute(
        "INSERT INTO reference_version (tenant, table_name, key, from_us, columns, has_ended, change) "  # noqa: S608
        f"SELECT tenant, table_name, key, {ALWAYS_US}, columns, 0, 1 FROM reference_row"
    )
    op.add_column(
        "reference_head", Column("version_count", BigInteger, nullable=False, server_default=sa.text("0"))
    )
    op.execute(
        "UPDATE reference_head SET version_count = (SELECT count(*) FROM reference_version v "
        "WHERE v.tenant = reference_head.tenant AND v.table_name = reference_head.table_name)"
    )
    op.drop_table("reference_row")
    op.create_table(
        "mapping_change",
        Column("tenant", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("number", BigInteger, nullable=False),
        Column("since_ms", BigInteger, nullable=False),
        Column("latest_ms", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")
