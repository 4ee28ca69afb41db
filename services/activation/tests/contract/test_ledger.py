"""The contract of DeliveryLedger, on every adapter."""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from activation.domain.campaign import Campaign
from activation.domain.delivery import UNSENT, DeliveryState
from activation.domain.ledger import Batch, BatchState, Claim, Counted, Decided, Move, Planned
from activation.store.sql_batches import SqlBatchStore
from activation.store.sql_ledger import SqlDeliveryLedger
from servicekit.database import Database
from sqlalchemy.exc import IntegrityError

S = DeliveryState
Do = Callable[..., Any]
LEDGER = SqlDeliveryLedger()


@pytest.fixture
def do(database: Database) -> Do:
    """Runs a method of the ledger in a transaction of its own."""
    return lambda name, *args: database.write_now(getattr(LEDGER, name), *args)


@pytest.fixture
def planned(do: Do, campaign: Campaign, now: Any) -> list[str]:
    """Ten rows, the tenth held out; the ids of the others in order of person."""
    members = [Planned(person, person == 10) for person in range(1, 11)]
    assert do("plan", campaign, members, now) == 10
    rows = do("page", "t1", "c1", None, 0, 100)
    return [row.delivery_id for row in rows[:9]]


@pytest.fixture
def now(campaign: Campaign) -> Any:
    return campaign.start_time


def states(do: Do) -> list[DeliveryState]:
    return [row.state for row in do("page", "t1", "c1", None, 0, 100)]


def counted(do: Do, since: date) -> list[Counted]:
    return do("counted", "t1", [5, 6], since)


def submitted(do: Do, database: Database, ids: list[str], key: str, now: Any) -> None:
    batch = Batch(key, "t1", "c1", "push", f"key-{key}", "", b"x", BatchState.SUBMITTING, now, 0)
    database.write_now(SqlBatchStore().add, batch)
    do("submit", "t1", ids, key, now)


def test_planning_again_adds_nobody_and_changes_nothing(do: Do, campaign, planned, now) -> None:
    do("move", "t1", [Move(planned[0], S.DELIVERED)], now)
    before = do("page", "t1", "c1", None, 0, 100)
    assert do("plan", campaign, [Planned(person, False) for person in range(1, 13)], now) == 2
    assert do("page", "t1", "c1", None, 0, 10) == before
    assert before[9].state is S.HOLDOUT
    _, steps = do("history", "t1", "c1", 12)
    assert [(step.state, step.reason) for step in steps] == [(S.READY, "")]


def test_a_claim_takes_what_is_due_once_and_raises_the_fence(do: Do, campaign, planned, now) -> None:
    assert do("any_due", campaign, now)
    first = do("claim", campaign, 4, now, 1_000)
    rest = do("claim", campaign, 100, now, 1_000)
    assert len(first) == 4
    assert len(rest) == 5
    assert {claim.delivery_id for claim in first + rest} == set(planned)
    assert {claim.fence for claim in first + rest} == {1}
    assert do("claim", campaign, 100, now, 1_000) == []
    assert not do("any_due", campaign, now)


def test_rows_that_wait_come_first_when_they_are_due_and_not_before(do: Do, campaign, planned, now) -> None:
    later = now + timedelta(seconds=60)
    do("move", "t1", [Move(planned[5], S.RETRY_WAIT, "busy", due=later, alone=True)], now)
    assert planned[5] not in {claim.delivery_id for claim in do("claim", campaign, 2, now, 0)}
    (claim,) = do("claim", campaign, 1, later, 0)
    assert (claim.delivery_id, claim.alone) == (planned[5], True)


def test_a_release_is_good_only_for_the_fence(do: Do, campaign, planned, now) -> None:
    (claim,) = do("claim", campaign, 1, now, 0)
    do("release", "t1", [replace(claim, fence=9)], now)
    assert S.CLAIMED in states(do)
    do("release", "t1", [claim], now + timedelta(seconds=5))
    assert S.CLAIMED not in states(do)
    again = {each.delivery_id for each in do("claim", campaign, 100, now, 0)}
    assert claim.delivery_id not in again
    _, steps = do("history", "t1", "c1", 1)
    assert len(steps) == 1


def test_an_ended_lease_gives_back_and_makes_the_holder_too_late(
    do: Do, campaign, other, planned, now
) -> None:
    claims = do("claim", campaign, 3, now, 1_000)
    assert do("release_expired", campaign, 1_000, now) == 0
    assert do("release_expired", other, 2_000, now) == 0
    assert do("release_expired", campaign, 1_001, now) == 3
    again = do("claim", campaign, 100, now, 1_000)
    fences = {claim.delivery_id: claim.fence for claim in again}
    assert all(fences[claim.delivery_id] > claim.fence for claim in claims)


def test_one_address_belongs_to_one_row_of_a_campaign(do: Do, campaign, other, planned, now) -> None:
    a, b, c = planned[:3]
    assert do("holders", campaign, ["h1"]) == {}
    do("decide", "t1", [Decided(a, 5, "h1"), Decided(b, 6)])
    assert do("holders", campaign, ["h1", "h2"]) == {"h1": a}
    do("decide", "t1", [Decided(a, 5, "h1"), Decided(c, 7, "h2")])
    assert do("holders", campaign, ["h1", "h2"]) == {"h1": a, "h2": c}
    held = do("held", "t1", [a, b, c])
    assert [(held[each].dest_hash, held[each].birth_key_id) for each in (a, b, c)] == [
        ("h1", 5),
        (None, 6),
        ("h2", 7),
    ]
    do("plan", other, [Planned(1, False)], now)
    (elsewhere,) = do("page", "t1", "c2", None, 0, 10)
    do("decide", "t1", [Decided(elsewhere.delivery_id, 5, "h1")])
    assert do("holders", other, ["h1"]) == {"h1": elsewhere.delivery_id}
    assert do("holders", campaign, []) == {}
    do("decide", "t1", [])
    with pytest.raises(IntegrityError):
        do("decide", "t1", [Decided(b, 6, "h1")])


def test_rows_count_for_their_day_while_they_may_have_been_sent(
    do: Do, campaign, other, planned, now
) -> None:
    today, before = date(2026, 6, 11), date(2026, 6, 1)
    do("plan", other, [Planned(1, False)], now)
    (elsewhere,) = do("page", "t1", "c2", None, 0, 10)
    claims = {claim.delivery_id for each in (campaign, other) for claim in do("claim", each, 99, now, 0)}
    assert {*planned[:4], elsewhere.delivery_id} < claims
    decisions = [
        Decided(planned[0], 5, "h1", today, "[0]"),
        Decided(planned[1], 5, "h2", today),
        Decided(planned[2], 5, "h3", before),
        Decided(planned[3], 5, "h4"),
        Decided(elsewhere.delivery_id, 6, "h1", today),
    ]
    do("decide", "t1", decisions)
    assert {(each.birth_key_id, each.campaign_id, each.day, each.count) for each in counted(do, before)} == {
        (5, "c1", today, 2),
        (5, "c1", before, 1),
        (6, "c2", today, 1),
    }
    assert {each.day for each in counted(do, today)} == {today}
    assert do("counted", "t1", [7], before) == do("counted", "t2", [5, 6], before) == []
    do("move", "t1", [Move(planned[0], S.UNKNOWN), Move(planned[1], S.REJECTED)], now)
    assert sum(each.count for each in counted(do, before)) == 3
    do("move", "t1", [Move(planned[2], S.READY, due=now)], now)
    assert sum(each.count for each in counted(do, before)) == 2
    do("claim", campaign, 1, now, 0)
    assert sum(each.count for each in counted(do, before)) == 2
    do("decide", "t1", [Decided(planned[0], 5)])
    assert do("history", "t1", "c1", 1)[0].grounds == "[0]"
    assert sum(each.count for each in counted(do, before)) == 1


def test_rows_are_found_by_key_message_and_address(do: Do, database, campaign, planned, now) -> None:
    a, b, c = planned[:3]
    do("decide", "t1", [Decided(a, 1, "h1"), Decided(b, 2, "h2"), Decided(c, 3, "h3")])
    assert do("latest_to", "t1", "push", "h1") is None
    submitted(do, database, [a, b], "b1", now)
    do("move", "t1", [Move(a, S.ACCEPTED, message_id="m1", accepted=True)], now)
    assert do("owner", "push", "key-b1", "") == do("owner", "push", "", "m1") == "t1"
    assert do("owner", "push", "", "") is do("owner", "other", "key-b1", "m1") is None
    by_key = do("sent", "t1", "push", ("key-b1", ""), ["h1", "h2", "h3"])
    assert {each: row.delivery_id for each, row in by_key.items()} == {"h1": a, "h2": b}
    assert set(do("sent", "t1", "push", ("", "m1"), ["h1", "h2"])) == {"h1"}
    assert do("sent", "t2", "push", ("key-b1", "m1"), ["h1"]) == {}
    assert do("latest_to", "t1", "push", "h1").delivery_id == a
    assert do("latest_to", "t1", "push", "h3") is None
    assert set(do("of_batch", "b1")) == {a, b}


def test_every_move_is_a_step_and_none_is_lost(do: Do, database, campaign, planned, now) -> None:
    row = planned[0]
    submitted(do, database, [row], "b1", now)
    moves = [Move(row, S.UNDELIVERED, "X", accepted=True), Move(row, S.DELIVERED, accepted=True)]
    do("move", "t1", moves, now)
    delivery, steps = do("history", "t1", "c1", 1)
    assert (delivery.state, delivery.reason, delivery.attempts) == (S.DELIVERED, "", 1)
    assert [step.state for step in steps] == [S.READY, S.SUBMITTING, S.UNDELIVERED, S.DELIVERED]
    assert do("history", "t1", "c1", 99) is None


def test_a_late_acceptance_changes_no_state_and_leaves_no_step(do: Do, planned, now) -> None:
    do("move", "t1", [Move(planned[0], S.UNDELIVERED, "X")], now)
    do("note_accepted", "t1", {planned[0]: "m9"}, now)
    delivery, steps = do("history", "t1", "c1", 1)
    assert (delivery.state, delivery.reason, len(steps)) == (S.UNDELIVERED, "X", 2)
    assert do("owner", "push", "", "m9") == "t1"
    assert do("report", "t1", "c1").accepted == 1


def test_only_unsent_rows_expire_and_no_more_than_asked_for(do: Do, campaign, planned, now) -> None:
    do("claim", campaign, 2, now, 0)
    do("move", "t1", [Move(planned[8], S.RETRY_WAIT, due=now)], now)
    assert do("expire", campaign, S.CANCELLED, now, 3) == 3
    assert do("expire", campaign, S.EXPIRED, now, 100) == 4
    assert do("expire", campaign, S.EXPIRED, now, 100) == 0
    found = states(do)
    counted = [found.count(each) for each in (S.CLAIMED, S.CANCELLED, S.EXPIRED, S.HOLDOUT)]
    assert counted == [2, 3, 4, 1]
    assert do("has_any", "t1", "c1", {S.CLAIMED})
    assert not do("has_any", "t1", "c1", UNSENT)


def test_silence_begins_with_acceptance_and_can_be_put_off(do: Do, campaign, planned, now) -> None:
    later = now + timedelta(seconds=10)
    do("move", "t1", [Move(planned[0], S.ACCEPTED, accepted=True)], now)
    do("move", "t1", [Move(planned[1], S.ACCEPTED, accepted=True)], later)
    silent = do("silent", campaign, later, 10)
    assert [row.delivery_id for row in silent] == [planned[0]]
    do("put_off", "t1", {planned[0]: later + timedelta(seconds=1)})
    assert do("silent", campaign, later, 10) == []


def test_the_report_counts_rows(do: Do, planned, now) -> None:
    moves = [
        Move(planned[0], S.SUPPRESSED, "no_consent"),
        Move(planned[1], S.REJECTED, "40003"),
        Move(planned[2], S.DELIVERED, accepted=True),
    ]
    do("move", "t1", moves, now)
    do("clicked", "t1", [planned[2], planned[2]], now)
    report = do("report", "t1", "c1")
    assert (report.suppressed, report.rejected) == ({"no_consent": 1}, {"40003": 1})
    assert (report.accepted, report.clicked, sum(report.by_state.values())) == (1, 1, 10)
    assert do("report", "t2", "c1").by_state == {}


def test_pages_are_in_order_of_person_and_filtered_by_state(do: Do, planned) -> None:
    assert [row.person_id for row in do("page", "t1", "c1", None, 3, 4)] == [4, 5, 6, 7]
    assert [row.person_id for row in do("page", "t1", "c1", S.HOLDOUT, 0, 4)] == [10]


def test_rows_of_another_worker_are_passed_over(database: Database, campaign, planned, now) -> None:
    if database.dialect == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    claimed, done = threading.Event(), threading.Event()
    taken: list[Claim] = []

    def slowly(connection: Any) -> None:
        taken.extend(LEDGER.claim(connection, campaign, 4, now, 0))
        claimed.set()
        assert done.wait(10)

    worker = threading.Thread(target=database.write_now, args=(slowly,))
    worker.start()
    assert claimed.wait(10)
    others = database.write_now(LEDGER.claim, campaign, 100, now, 0)
    done.set()
    worker.join()
    assert len(others) == 5
    assert {each.delivery_id for each in others + taken} == set(planned)
