"""The tables of activation's store: campaigns, the delivery ledger, policies, batches, receipts, the outbox, and the
kit's."""

from servicekit.kit_tables import kit_tables
from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    Table,
    Text,
    text,
)

metadata = MetaData()
kit_tables(metadata)
_COUNTED = text("counted_day IS NOT NULL")
"""Rows that may be sent, or were: the others count for nobody."""

Table(
    "campaign",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("campaign_id", Text, primary_key=True),
    Column("draft", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("note", Text, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("account", Text, nullable=False),
    Column("create_time_us", BigInteger, nullable=False),
    Column("start_time_us", BigInteger),
    Column("expire_time_us", BigInteger),
    Column("planned_through", BigInteger, nullable=False),
    Column("plan_done", SmallInteger, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("purposes", Text, nullable=False),
    Column("control_salt", Text, nullable=False, server_default=""),
    Column("control_basis_points", Integer, nullable=False, server_default="0"),
    Column("sealed_key", LargeBinary),
    Index("campaign_by_state", "state"),
)
Table(
    "delivery",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("delivery_id", Text, primary_key=True),
    Column("campaign_id", Text, nullable=False),
    Column("step", Text, nullable=False),
    Column("person_id", BigInteger, nullable=False),
    Column("channel", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("dest_hash", Text),
    Column("birth_key_id", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("fence", BigInteger, nullable=False),
    Column("lease_until_ms", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("alone", SmallInteger, nullable=False),
    Column("batch_id", Text),
    Column("message_id", Text, nullable=False),
    Column("accepted_us", BigInteger),
    Column("clicked_us", BigInteger),
    Column("update_us", BigInteger, nullable=False),
    Column("counted_day", Integer),
    Column("grounds", Text, nullable=False, server_default=""),
    Index("delivery_once_per_person", "tenant", "campaign_id", "step", "person_id", "channel", unique=True),
    Index("delivery_once_per_address", "tenant", "dest_hash", "campaign_id", "step", "channel", unique=True),
    Index("delivery_by_state", "tenant", "campaign_id", "state", "due_us"),
    Index("delivery_by_batch", "batch_id"),
    Index("delivery_by_message", "account", "message_id"),
    Index("delivery_by_person", "tenant", "person_id"),
    Index(
        "delivery_by_count",
        "tenant",
        "birth_key_id",
        "counted_day",
        sqlite_where=_COUNTED,
        postgresql_where=_COUNTED,
    ),
)
Table(
    "policy_head",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "policy_version",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("document", Text, nullable=False),
    Column("update_us", BigInteger, nullable=False),
    Column("subject", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "delivery_history",
    metadata,
    Column("tenant", Text, primary_key=True),
    Column("delivery_id", Text, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("time_us", BigInteger, nullable=False),
    Column("state", SmallInteger, nullable=False),
    Column("reason", Text, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "batch",
    metadata,
    Column("batch_id", Text, primary_key=True),
    Column("tenant", Text, nullable=False),
    Column("campaign_id", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("digest", Text, nullable=False),
    Column("sealed_wire", LargeBinary),
    Column("state", Text, nullable=False),
    Column("submitted_us", BigInteger, nullable=False),
    Column("deadline_ms", BigInteger, nullable=False),
    Column("absences", Integer, nullable=False),
    Column("next_look_us", BigInteger, nullable=False),
    Index("batch_by_state", "state", "next_look_us"),
    Index("batch_by_key", "account", "key"),
)
Table(
    "receipt_inbox",
    metadata,
    Column("receipt_id", Text, primary_key=True),
    Column("account", Text, nullable=False),
    Column("received_us", BigInteger, nullable=False),
    Column("sealed_callback", LargeBinary, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_try_us", BigInteger, nullable=False),
    Column("awaits", Text, nullable=False, server_default=""),
    Index("receipt_inbox_by_try", "next_try_us"),
    Index("receipt_inbox_by_message", "account", "awaits"),
)
Table(
    "receipt_applied",
    metadata,
    Column("account", Text, primary_key=True),
    Column("dedupe_key", Text, primary_key=True),
    Column("applied_us", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
Table(
    "outbox",
    metadata,
    Column("number", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("tenant", Text, nullable=False),
    Column("sealed_record", LargeBinary, nullable=False),
)
Table(
    "token_bucket",
    metadata,
    Column("account", Text, primary_key=True),
    Column("tokens", BigInteger, nullable=False),
    Column("filled_ms", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
