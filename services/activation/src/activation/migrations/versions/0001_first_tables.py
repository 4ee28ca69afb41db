"""The first tables of activation.

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
    _create_campaigns()
    _create_ledger()
    _create_receipts()


def _create_campaigns() -> None:
    op.create_table(
        "campaign",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("campaign_id", sa.Text, primary_key=True),
        sa.Column("draft", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("create_time_us", sa.BigInteger, nullable=False),
        sa.Column("start_time_us", sa.BigInteger),
        sa.Column("expire_time_us", sa.BigInteger),
        sa.Column("planned_through", sa.BigInteger, nullable=False),
        sa.Column("plan_done", sa.SmallInteger, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("sealed_key", sa.LargeBinary),
    )
    op.create_index("campaign_by_state", "campaign", ["state"])


def _create_ledger() -> None:
    op.create_table(
        "delivery",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("campaign_id", sa.Text, nullable=False),
        sa.Column("step", sa.Text, nullable=False),
        sa.Column("person_id", sa.BigInteger, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("dest_hash", sa.Text),
        sa.Column("birth_key_id", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("lease_until_ms", sa.BigInteger, nullable=False),
        sa.Column("due_us", sa.BigInteger, nullable=False),
        sa.Column("alone", sa.SmallInteger, nullable=False),
        sa.Column("batch_id", sa.Text),
        sa.Column("message_id", sa.Text, nullable=False),
        sa.Column("accepted_us", sa.BigInteger),
        sa.Column("clicked_us", sa.BigInteger),
        sa.Column("update_us", sa.BigInteger, nullable=False),
    )
    op.create_index(
        "delivery_once_per_person",
        "delivery",
        ["tenant", "campaign_id", "step", "person_id", "channel"],
        unique=True,
    )
    op.create_index(
        "delivery_once_per_address",
        "delivery",
        ["tenant", "dest_hash", "campaign_id", "step", "channel"],
        unique=True,
    )
    op.create_index("delivery_by_state", "delivery", ["tenant", "campaign_id", "state", "due_us"])
    op.create_index("delivery_by_batch", "delivery", ["batch_id"])
    op.create_index("delivery_by_message", "delivery", ["account", "message_id"])
    op.create_table(
        "delivery_history",
        sa.Column("tenant", sa.Text, primary_key=True),
        sa.Column("delivery_id", sa.Text, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("state", sa.SmallInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "batch",
        sa.Column("batch_id", sa.Text, primary_key=True),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("campaign_id", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("digest", sa.Text, nullable=False),
        sa.Column("sealed_wire", sa.LargeBinary),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("submitted_us", sa.BigInteger, nullable=False),
        sa.Column("deadline_ms", sa.BigInteger, nullable=False),
        sa.Column("absences", sa.Integer, nullable=False),
        sa.Column("next_look_us", sa.BigInteger, nullable=False),
    )
    op.create_index("batch_by_state", "batch", ["state", "next_look_us"])
    op.create_index("batch_by_key", "batch", ["account", "key"])


def _create_receipts() -> None:
    op.create_table(
        "receipt_inbox",
        sa.Column("receipt_id", sa.Text, primary_key=True),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("received_us", sa.BigInteger, nullable=False),
        sa.Column("sealed_callback", sa.LargeBinary, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_try_us", sa.BigInteger, nullable=False),
    )
    op.create_index("receipt_inbox_by_try", "receipt_inbox", ["next_try_us"])
    op.create_table(
        "receipt_applied",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("dedupe_key", sa.Text, primary_key=True),
        sa.Column("applied_us", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outbox",
        sa.Column(
            "number", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True
        ),
        sa.Column("tenant", sa.Text, nullable=False),
        sa.Column("sealed_record", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "token_bucket",
        sa.Column("account", sa.Text, primary_key=True),
        sa.Column("tokens", sa.BigInteger, nullable=False),
        sa.Column("filled_ms", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
