"""The first tables."""

from alembic import op
from servicekit.kit_tables import create_kit_tables
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, Text

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_kit_tables(op)
    _create_evidence()
    _create_persons()
    _create_facts()
    _create_administration()


def _key(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: type = BigInteger, *, nullable: bool = False) -> Column[object]:
    return Column(name, kind, nullable=nullable)


def _create(name: str, *columns: Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)


def _create_evidence() -> None:
    _create(
        "records",
        _key("tenant", Text),
        _key("source", Text),
        _key("record_id", Text),
        _value("digest", LargeBinary),
        _value("time_us"),
        _value("anchor_key_id"),
        _value("key_ids", LargeBinary),
    )
    _create(
        "keys",
        _key("tenant", Text),
        _key("key_id"),
        _value("hash", LargeBinary),
        _value("namespace", Text),
        _value("scope", Text),
        _value("sealed", LargeBinary),
        _value("standing", SmallInteger),
        _value("person_id"),
        _value("born_person_id"),
    )
    op.create_index("keys_by_hash", "keys", ["tenant", "hash"], unique=True)
    op.create_index("keys_by_person", "keys", ["tenant", "person_id"])
    _create(
        "edges",
        _key("tenant", Text),
        _key("key_id"),
        _key("other_key_id"),
        _value("source", Text),
        _value("time_us"),
    )
    _create(
        "sightings",
        _key("tenant", Text),
        _key("key_id"),
        _key("source", Text),
        _value("first_us"),
        _value("last_us"),
        _value("records"),
    )


def _create_persons() -> None:
    _create(
        "persons",
        _key("tenant", Text),
        _key("person_id"),
        _value("birth_key_id"),
        _value("birth_hash"),
        _value("redirect_person_id"),
        _value("version"),
        _value("lane", SmallInteger),
        _value("entry", LargeBinary),
    )
    op.create_index("persons_by_redirect", "persons", ["tenant", "redirect_person_id"])


def _create_facts() -> None:
    _create(
        "attribute_values",
        _key("tenant", Text),
        _key("key_id"),
        _key("name", Text),
        _key("source", Text),
        _value("time_us"),
        _value("value", LargeBinary),
    )
    _create(
        "contact_points",
        _key("tenant", Text),
        _key("key_id"),
        _key("channel", SmallInteger),
        _key("scope", Text),
        _key("address_hash", LargeBinary),
        _value("sealed", LargeBinary),
        _value("stated_us"),
    )
    op.create_index("contact_points_by_address", "contact_points", ["tenant", "address_hash"])
    _create(
        "consents",
        _key("tenant", Text),
        _key("address_hash", LargeBinary),
        _key("channel", SmallInteger),
        _key("scope", Text),
        _key("purpose", Text),
        _key("brand", Text),
        _key("time_us"),
        _key("granted", SmallInteger),
        _key("source", Text),
        _key("record_id", Text),
        _value("expire_us", nullable=True),
        _value("text_version", Text),
        _value("evidence", Text),
    )


def _create_administration() -> None:
    _create(
        "tenants",
        _key("tenant", Text),
        _value("epoch", Text),
        _value("next_key_id"),
        _value("next_ingest_sequence"),
        _value("next_block"),
        _value("next_known"),
        _value("next_anonymous"),
    )
    _create("tenant_settings", _key("tenant", Text), _value("etag", Text), _value("settings", Text))
    op.create_table(
        "audit",
        Column("audit_id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
        _value("tenant", Text),
        _value("subject", Text),
        _value("action", Text),
        _value("reason", Text),
        _value("details", Text),
        _value("person_ids", LargeBinary),
        _value("time_us"),
        _value("machine_time_us"),
    )
    _create("acknowledgements", _key("consumer", Text), _value("epoch", Text), _value("live"), _value("bulk"))
