"""Creates the tables of governance; every tag in force gets its life, its version, its category and a first line."""

import datetime as dt
import json

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Integer, Text

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

SUBJECT = "tagging"
REASON = "was in force before its life was recorded"


def upgrade() -> None:
    op.add_column("tag", Column("deprecated", Boolean, nullable=False, server_default=sa.false()))
    op.add_column("tag", Column("replacement", Text, nullable=False, server_default=""))
    _create_lives()
    _create_history()
    _create_rest()
    _fill()


def downgrade() -> None:
    raise NotImplementedError("restore the backup made before the upgrade")


def _create_lives() -> None:
    op.create_table(
        "tag_life",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("standing", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("owner", Text, nullable=False),
        Column("replacement", Text, nullable=False),
        Column("tag_request_id", Text, nullable=False),
        Column("number", BigInteger, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        Column("draft_state", Text, nullable=False),
        Column("draft", Text, nullable=False),
        Column("deleted_us", BigInteger, nullable=True),
        Column("deleter", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tag_life_by_deletion", "tag_life", ["deleted_us"])
    op.create_table(
        "tag_version",
        Column("tenant", Text, primary_key=True),
        Column("tag_id", Text, primary_key=True),
        Column("version", Integer, primary_key=True, autoincrement=False),
        Column("document", Text, nullable=False),
        Column("start_time_us", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("reviewer", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _create_history() -> None:
    op.create_table(
        "governance_history",
        Column("tenant", Text, primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("tag_id", Text, nullable=False),
        Column("tag_request_id", Text, nullable=False),
        Column("time_us", BigInteger, nullable=False),
        Column("subject", Text, nullable=False),
        Column("step", Text, nullable=False),
        Column("reason", Text, nullable=False),
        Column("from_state", Text, nullable=False),
        Column("to_state", Text, nullable=False),
        Column("version", Integer, nullable=False),
        Column("forced", Boolean, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("governance_history_by_tag", "governance_history", ["tenant", "tag_id", "number"])
    op.create_index(
        "governance_history_by_request", "governance_history", ["tenant", "tag_request_id", "number"]
    )
    op.create_table(
        "tag_request",
        Column("tenant", Text, primary_key=True),
        Column("tag_request_id", Text, primary_key=True),
        Column("sequence", BigInteger, nullable=False),
        Column("requester", Text, nullable=False),
        Column("name_zh", Text, nullable=False),
        Column("name_en", Text, nullable=False),
        Column("why", Text, nullable=False),
        Column("wanted_use", Text, nullable=False),
        Column("due", Text, nullable=False),
        Column("tag_id", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("decider", Text, nullable=False),
        Column("decision", Text, nullable=False),
        Column("owner", Text, nullable=False),
        Column("create_time_us", BigInteger, nullable=False),
        Column("update_time_us", BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("tag_request_by_sequence", "tag_request", ["tenant", "sequence"], unique=True)


def _create_rest() -> None:
    op.create_table(
        "category",
        Column("tenant", Text, primary_key=True),
        Column("path", Text, primary_key=True),
        Column("name_zh", Text, nullable=False),
        Column("name_en", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "naming_rules",
        Column("tenant", Text, primary_key=True),
        Column("document", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tag_use",
        Column("tenant", Text, primary_key=True),
        Column("consumer", Text, primary_key=True),
        Column("kind", Text, primary_key=True),
        Column("name", Text, primary_key=True),
        Column("tag_ids", Text, nullable=False),
        Column("segments", Text, nullable=False),
        sqlite_with_rowid=False,
    )


def _fill() -> None:
    connection = op.get_bind()
    now_us = int(dt.datetime.now(dt.UTC).timestamp() * 1_000_000)
    stored = connection.execute(
        sa.text("SELECT tenant, tag_id, version, document, update_time_us FROM tag ORDER BY tenant, tag_id")
    ).all()
    numbers: dict[str, int] = {}
    places: set[tuple[str, str]] = set()
    for tenant, tag_id, version, text, update_time_us in stored:
        document = json.loads(text)
        numbers[tenant] = numbers.get(tenant, 0) + 1
        named = {"tenant": tenant, "tag_id": tag_id, "version": version, "now": now_us}
        connection.execute(
            sa.text(
                "INSERT INTO tag_life (tenant, tag_id, standing, version, owner, replacement, tag_request_id, number, "
                "update_time_us, draft_state, draft, deleted_us, deleter) VALUES (:tenant, :tag_id, 'active', "
                ":version, :owner, '', '', 1, :now, '', '', NULL, '')"
            ),
            {**named, "owner": document.get("owner", "")},
        )
        connection.execute(
            sa.text(
                "INSERT INTO tag_version (tenant, tag_id, version, document, start_time_us, subject, reviewer) "
                "VALUES (:tenant, :tag_id, :version, :document, :start, :subject, '')"
            ),
            {**named, "document": text, "start": update_time_us, "subject": SUBJECT},
        )
        connection.execute(
            sa.text(
                "INSERT INTO governance_history (tenant, number, tag_id, tag_request_id, time_us, subject, step, "
                "reason, from_state, to_state, version, forced) VALUES (:tenant, :number, :tag_id, '', :now, "
                ":subject, 'apply', :reason, '', 'active', :version, :forced)"
            ),
            {**named, "number": numbers[tenant], "subject": SUBJECT, "reason": REASON, "forced": False},
        )
        parts = [each for each in document.get("category", "").split("/") if each]
        places |= {(tenant, "/".join(parts[: count + 1])) for count in range(len(parts))}
    for tenant, path in sorted(places):
        connection.execute(
            sa.text(
                "INSERT INTO category (tenant, path, name_zh, name_en) VALUES (:tenant, :path, :name, '')"
            ),
            {"tenant": tenant, "path": path, "name": path.rpartition("/")[2]},
        )
