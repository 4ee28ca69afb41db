"""The audit becomes a chain; sealing keys; erasures and tombstones."""

import struct

from alembic import op
from identity.domain.audit_chain import AuditRow, ChainEnd, next_row
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, SmallInteger, Text, text

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    _chain_the_audit()
    _create(
        "sealing_keys",
        _key("key_id", Integer),
        _value("digest", LargeBinary),
        _value("retired", SmallInteger),
    )
    _create(
        "resealing",
        _key("part", Text),
        _value("key_id", Integer),
        _value("place", Text),
        _value("finished", SmallInteger),
    )
    _create(
        "erasures",
        _key("tenant", Text),
        _key("erasure_id"),
        _value("person_ids", LargeBinary),
        _value("key_ids", LargeBinary),
        _value("subject", Text),
        _value("reason", Text),
        _value("time_us"),
        _value("counts", Text),
        _value("position"),
        _value("scrubbed_us"),
    )
    _create("erased_persons", _key("tenant", Text), _key("person_id"), _value("erasure_id"))
    _create("tombstones", _key("tenant", Text), _key("hash", LargeBinary), _value("erasure_id"))
    _create(
        "erasure_confirmations",
        _key("tenant", Text),
        _key("erasure_id"),
        _key("service", Text),
        _value("time_us"),
    )


def _chain_the_audit() -> None:
    op.rename_table("audit", "audit_before")
    _create(
        "audit",
        _key("tenant", Text),
        _key("sequence"),
        _value("subject", Text),
        _value("action", Text),
        _value("reason", Text),
        _value("details", Text),
        _value("person_ids", LargeBinary),
        _value("time_us"),
        _value("machine_time_us"),
        _value("hash", LargeBinary),
    )
    _create("audit_ends", _key("tenant", Text), _value("sequence"), _value("hash", LargeBinary))
    connection = op.get_bind()
    ends: dict[str, ChainEnd] = {}
    insert = text(
        "INSERT INTO audit VALUES (:tenant, :sequence, :subject, :action, :reason, :details, :person_ids, :time_us, "
        ":machine_time_us, :hash)"
    )
    rows = connection.execute(
        text(
            "SELECT tenant, subject, action, reason, details, person_ids, time_us, machine_time_us "
            "FROM audit_before ORDER BY audit_id"
        )
    )
    for tenant, subject, action, reason, details, packed, time_us, machine_time_us in rows.fetchall():
        person_ids = struct.unpack(f"<{len(packed) // 8}q", packed)
        row = AuditRow(subject, action, reason, details, person_ids, time_us, machine_time_us)
        chained = next_row(ends.get(tenant, ChainEnd()), tenant, row)
        ends[tenant] = ChainEnd(chained.sequence, chained.hash)
        connection.execute(
            insert,
            {
                "tenant": tenant,
                "sequence": chained.sequence,
                "subject": subject,
                "action": action,
                "reason": reason,
                "details": details,
                "person_ids": packed,
                "time_us": time_us,
                "machine_time_us": machine_time_us,
                "hash": chained.hash,
            },
        )
    for tenant, end in ends.items():
        connection.execute(
            text("INSERT INTO audit_ends VALUES (:tenant, :sequence, :hash)"),
            {"tenant": tenant, "sequence": end.sequence, "hash": end.hash},
        )
    op.drop_table("audit_before")


def _key(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, primary_key=True, autoincrement=False)


def _value(name: str, kind: type = BigInteger) -> Column[object]:
    return Column(name, kind, nullable=False)


def _create(name: str, *columns: Column[object]) -> None:
    op.create_table(name, *columns, sqlite_with_rowid=False)
