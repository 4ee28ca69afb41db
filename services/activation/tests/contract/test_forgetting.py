"""What points at an erased person goes from the ledger; rows stay for the counts of their campaigns."""

import datetime as dt

import pytest
from activation.domain.delivery import DeliveryState
from activation.store.schema import metadata
from activation.store.sql_forgetting import SqlForgetting
from activation.store.sql_ledger import SqlDeliveryLedger
from servicekit.clock import ManualClock
from servicekit.database import Database
from sqlalchemy import select

TABLE = metadata.tables["delivery"]
S = DeliveryState
CLOCK = ManualClock(dt.datetime(2026, 5, 1, tzinfo=dt.UTC))


def row(number: int, person_id: int, state: DeliveryState, tenant: str = "t") -> dict[str, object]:
    plain = {column.name: 0 for column in TABLE.columns} | dict.fromkeys(("accepted_us", "clicked_us"))
    texts = {"campaign_id": f"c{number}", "step": "send", "channel": "sms", "account": "a", "reason": ""}
    own = {
        "tenant": tenant,
        "delivery_id": f"d{number}",
        "person_id": person_id,
        "state": int(state),
        "dest_hash": f"hash{number}",
        "message_id": f"m{number}",
        "birth_key_id": 7,
        "batch_id": None,
        "grounds": f"grounds{number}",
    }
    return plain | texts | own


@pytest.mark.parametrize(
    ("state", "done"), [(S.DELIVERED, True), (S.ACCEPTED, True), (S.SUBMITTING, False), (S.UNKNOWN, False)]
)
def test_what_points_at_the_person_goes(database: Database, state: DeliveryState, done: bool) -> None:
    rows = [row(1, 1, state), row(2, 2, S.DELIVERED), row(3, 1, S.DELIVERED, "u"), row(4, 1, S.REJECTED)]
    database.write_now(lambda c: c.execute(TABLE.insert(), rows))
    assert database.write_now(SqlForgetting(SqlDeliveryLedger(), CLOCK).forget, "t", [1, 9]) is done
    columns = (TABLE.c.delivery_id, TABLE.c.dest_hash, TABLE.c.message_id, TABLE.c.birth_key_id)
    read = select(*columns, TABLE.c.grounds)
    left = {each[0]: tuple(each[1:]) for each in database.read_now(lambda c: c.execute(read).all())}
    gone, whole = (None, "", 0, ""), {n: (f"hash{n}", f"m{n}", 7, f"grounds{n}") for n in range(1, 5)}
    assert left == {"d1": gone if done else whole[1], "d2": whole[2], "d3": whole[3], "d4": gone}


@pytest.mark.parametrize("state", [S.READY, S.RETRY_WAIT])
def test_what_is_not_sent_yet_ends_whatever_its_campaign_waits_for(
    database: Database, state: DeliveryState
) -> None:
    """A paused campaign may never go on: an erasure would never be confirmed."""
    database.write_now(lambda c: c.execute(TABLE.insert(), [row(1, 1, state), row(2, 2, state)]))
    assert database.write_now(SqlForgetting(SqlDeliveryLedger(), CLOCK).forget, "t", [1])
    read = select(TABLE.c.state, TABLE.c.reason, TABLE.c.dest_hash).order_by(TABLE.c.delivery_id)
    left = database.read_now(lambda c: [tuple(each) for each in c.execute(read)])
    assert left == [(S.CANCELLED, "ERASED", None), (state, "", "hash2")]
    history = metadata.tables["delivery_history"]
    told = database.read_now(
        lambda c: [tuple(each) for each in c.execute(select(history.c.state, history.c.reason))]
    )
    assert told == [(S.CANCELLED, "ERASED")]
