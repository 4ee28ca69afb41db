"""Evidence becomes a summary of each pair; policies, human decisions, matches, conflicts and merge history."""

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, SmallInteger, Text

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_DAY_US = 86_400_000_000


def upgrade() -> None:
    _summarise_edges()
    op.add_column("keys", Column("marks", SmallInteger, nullable=False, server_default="0"))
    op.add_column("tenants", Column("policy_version", BigInteger, nullable=False, server_default="0"))
    op.add_column("records", Column("link_kind", SmallInteger, nullable=False, server_default="0"))
    op.add_column("records", Column("verified", BigInteger, nullable=False, server_default="0"))
    op.add_column("attribute_values", Column("verified", SmallInteger, nullable=False, server_default="0"))
    _create_policies_and_operations()
    _create_derived()


def _summarise_edges() -> None:
    for name, default in (("first_us", "0"), ("last_us", "0"), ("unbound_us", "-1")):
        op.add_column("edges", Column(name, BigInteger, nullable=False, server_default=default))
    for name, default in (("kinds", "1"), ("verified", "0")):
        op.add_column("edges", Column(name, SmallInteger, nullable=False, server_default=default))
    op.add_column("edges", Column("sources", Text, nullable=False, server_default=""))
    op.execute(
        f"UPDATE edges SET first_us = time_us - time_us % {_DAY_US}, last_us = time_us - time_us % {_DAY_US}, "  # noqa: S608
        "sources = CASE WHEN key_id < other_key_id THEN source ELSE '' END"
    )
    op.drop_column("edges", "source")
    op.drop_column("edges", "time_us")


def _key(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def _create(name: str, *columns: Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _create_policies_and_operations() -> None:
    _create(
        "policies",
        _key("tenant", Text),
        _key("version"),
        _value("document", Text),
        _value("actor", Text),
        _value("reason", Text),
        _value("time_us"),
    )
    _create(
        "operations",
        _key("tenant", Text),
        _key("operation_id"),
        _value("kind", SmallInteger),
        _value("actor", Text),
        _value("reason", Text),
        _value("time_us"),
        _value("undoes"),
        _value("undone_by"),
    )
    _create(
        "verdict_keys",
        _key("tenant", Text),
        _key("key_id"),
        _key("operation_id"),
        _value("side", SmallInteger),
    )
    op.create_index("verdict_keys_by_operation", "verdict_keys", ["tenant", "operation_id"])


def _create_derived() -> None:
    _create(
        "probable_links",
        _key("tenant", Text),
        _key("low"),
        _key("high"),
        _value("score"),
        _value("run_id", Text),
        _value("model_version", Text),
    )
    op.create_index("probable_links_by_high", "probable_links", ["tenant", "high"])
    _create(
        "conflicts",
        _key("tenant", Text),
        _key("key_id"),
        _key("other_key_id"),
        _key("reason", SmallInteger),
        _value("first_us"),
    )
    op.create_index("conflicts_by_other", "conflicts", ["tenant", "other_key_id"])
    _create(
        "merges",
        _key("tenant", Text),
        _key("sequence"),
        _value("time_us"),
        _value("kind", SmallInteger),
        _value("person_id"),
        _value("other_person_id"),
        _value("moved_key_ids", LargeBinary),
        _value("cause_kind", SmallInteger),
        _value("cause_source", Text),
        _value("cause_id", Text),
    )
    op.create_index("merges_by_person", "merges", ["tenant", "person_id", "sequence"])
    op.create_index("merges_by_other", "merges", ["tenant", "other_person_id", "sequence"])
