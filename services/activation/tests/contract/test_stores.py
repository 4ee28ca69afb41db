"""The contracts of the other store ports, on every adapter."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from activation.domain.campaign import Campaign, State
from activation.domain.caps import Cap, Period
from activation.domain.hours import Hours
from activation.domain.ledger import Batch, BatchState
from activation.domain.policy import NamedPeriod, Policy, StoredPolicy
from activation.domain.proposal import Proposal, Standing
from activation.domain.suppression import Scope, Suppression
from activation.store.ports import StoredCallback, Unreadable
from activation.store.sql_batches import SqlBatchStore, SqlTokenBucket
from activation.store.sql_campaigns import SqlCampaignStore
from activation.store.sql_policies import SqlPolicyStore
from activation.store.sql_receipts import SqlOutbox, SqlReceiptInbox
from activation.store.sql_suppressions import SqlSuppressionList
from activation.store.vault import Vault
from servicekit.database import Database

NOW = datetime(2026, 6, 11, 4, tzinfo=UTC)
Do = Callable[..., Any]


@pytest.fixture
def do(database: Database) -> Do:
    """Runs a method in a transaction of its own."""
    return database.write_now


def test_a_campaign_comes_back_as_it_was_stored(do: Do, campaign: Campaign) -> None:
    store = SqlCampaignStore()
    campaign = replace(campaign, draft=replace(campaign.draft, expire_time=NOW + timedelta(days=1)))
    assert do(store.add, campaign, b"key")
    assert not do(store.add, replace(campaign, epoch=7), b"other")
    assert do(store.get, "t1", "c1") == campaign
    changed = replace(
        campaign.at(State.PAUSED, "why", fence=True), planned_through=5, traceparent="t", purposes=("health",)
    )
    do(store.put, changed)
    found = do(store.get, "t1", "c1", lock=True)
    assert found == changed
    assert found.etag == changed.etag != campaign.etag
    assert do(store.get, "t2", "c1") is None
    assert do(store.key, "t1", "c1") == b"key"


def test_campaigns_are_listed_by_state_account_and_key(do: Do, campaign: Campaign, other: Campaign) -> None:
    store = SqlCampaignStore()
    do(store.add, campaign, b"1")
    do(store.add, other.at(State.DRAFT), b"2")
    do(store.add, replace(campaign, tenant="t0").at(State.DRAINING), b"3")
    assert [each.tenant for each in do(store.sending, "push")] == ["t0", "t1"]
    assert do(store.sending, "sms") == []
    assert do(store.tenants, "push") == ["t0", "t1"]
    assert do(store.every_tenant) == sorted({each.tenant for each in do(store.in_state, set(State))})
    assert [each.campaign_id for each in do(store.in_state, [State.DRAFT])] == ["c2"]
    assert len(do(store.under_way)) == 2
    do(store.destroy_key, "t1", "c1")
    assert do(store.key, "t1", "c1") is None
    assert [each.tenant for each in do(store.under_way)] == ["t0"]
    assert [each.campaign_id for each in do(store.page, "t1", "c1", 10)] == ["c2"]


def batch(batch_id: str, state: BatchState = BatchState.SUBMITTING, **fields: Any) -> Batch:
    made = Batch(batch_id, "t1", "c1", "push", "k", "d", b"wire", state, NOW, 1_000)
    return replace(made, **fields)


def test_batches_are_found_when_they_are_due(do: Do) -> None:
    store = SqlBatchStore()
    unknown = batch("b2", BatchState.UNKNOWN, next_look=NOW + timedelta(seconds=5), absences=1)
    for each in (batch("b1"), unknown, batch("b3", BatchState.DONE, sealed_wire=None)):
        do(store.add, each)
    assert do(store.get, "b2") == do(store.get, "b2", lock=False) == unknown
    assert do(store.get, "b9") is None
    assert do(store.overdue, 1_000, 10) == []
    assert [each.batch_id for each in do(store.overdue, 1_001, 10)] == ["b1"]
    assert do(store.to_resolve, ["push"], NOW, 10) == []
    later = NOW + timedelta(seconds=5)
    assert do(store.to_resolve, ["push"], later, 10) == ["b2"]
    assert do(store.to_resolve, ["sms"], later, 10) == []
    do(store.put, replace(unknown, state=BatchState.DONE, sealed_wire=None))
    assert do(store.get, "b2").sealed_wire is None


def test_callbacks_wait_their_turn_and_are_applied_once(do: Do) -> None:
    inbox = SqlReceiptInbox()
    for place in (2, 1):
        received = NOW + timedelta(seconds=place)
        do(inbox.add, StoredCallback(f"r{place}", "push", received, b"sealed"))
    assert not do(inbox.any_due, NOW)
    later = NOW + timedelta(seconds=2)
    assert do(inbox.any_due, later)
    assert [each.receipt_id for each in do(inbox.due, later, 10)] == ["r1", "r2"]
    do(inbox.later, "r1", later + timedelta(seconds=9), "")
    do(inbox.done, "r2")
    assert do(inbox.due, later, 10) == []
    (again,) = do(inbox.due, later + timedelta(seconds=9), 10)
    assert (again.receipt_id, again.tries, again.sealed) == ("r1", 1, b"sealed")
    assert do(inbox.first, "push", ["a", "b", "a"], NOW) == {"a", "b"}
    assert do(inbox.first, "push", ["b", "c"], NOW) == {"c"}
    assert do(inbox.first, "sms", ["a"], NOW) == {"a"}
    assert do(inbox.first, "sms", [], NOW) == frozenset()


def test_a_callback_is_due_once_the_message_that_it_waits_for_is_known(do: Do) -> None:
    inbox, hour = SqlReceiptInbox(), timedelta(hours=1)
    for name, account, awaits in (("r1", "push", "m1"), ("r2", "push", ""), ("r3", "sms", "m1")):
        do(inbox.add, StoredCallback(name, account, NOW, b"sealed"))
        do(inbox.later, name, NOW + hour, awaits)
    do(inbox.hasten, "push", ["m2", ""], NOW)
    assert do(inbox.due, NOW, 10) == []
    do(inbox.hasten, "push", ["m1", ""], NOW)
    assert [each.receipt_id for each in do(inbox.due, NOW, 10)] == ["r1"]


def test_the_outbox_keeps_its_order(do: Do) -> None:
    outbox = SqlOutbox()
    do(outbox.add, "t1", [b"1", b"2"])
    do(outbox.add, "t2", [b"3"])
    found = do(outbox.oldest, 10)
    assert [(tenant, sealed) for _, tenant, sealed in found] == [("t1", b"1"), ("t1", b"2"), ("t2", b"3")]
    do(outbox.remove, [found[0][0], found[2][0]])
    assert [sealed for _, _, sealed in do(outbox.oldest, 10)] == [b"2"]


@pytest.mark.parametrize("per_second", [1, 7, 50, 1_000])
def test_no_second_sees_noticeably_more_calls_than_the_rate(do: Do, per_second: int) -> None:
    bucket, at, calls = SqlTokenBucket(), 10_000, []
    while at < 13_000:
        granted, wait_ms = do(bucket.take, "push", per_second, 16, at)
        calls += [at] * granted
        assert (granted == 0) == (wait_ms > 0)
        at += wait_ms or 1
    busiest = max(sum(start <= call < start + 1_000 for call in calls) for start in set(calls))
    assert busiest <= per_second + max(1, per_second // 10)
    assert len(calls) >= 3 * per_second * 0.9 - 1


def test_a_restart_or_a_clock_that_goes_back_refills_nothing(do: Do) -> None:
    bucket = SqlTokenBucket()
    assert do(bucket.take, "push", 1, 16, 10_000) == (1, 0)
    assert do(SqlTokenBucket().take, "push", 1, 16, 10_000) == (0, 1_000)
    assert do(bucket.take, "push", 1, 16, 5_000)[0] == 0
    assert do(bucket.take, "push", 1, 16, 11_000) == (1, 0)


def test_the_vault_opens_only_what_it_sealed_for_the_place() -> None:
    vault, another = Vault(b"a" * 32), Vault(b"b" * 32)
    key = vault.new_campaign_key("here")
    sealed = vault.seal_under(key, b"+8613800000000", "here")
    assert vault.open_under(key, sealed, "here") == b"+8613800000000"
    assert b"138" not in sealed
    for wrong in (
        lambda: vault.open_under(key, sealed, "there"),
        lambda: another.open_under(key, sealed, "here"),
        lambda: vault.open_under(vault.new_campaign_key("here"), sealed, "here"),
        lambda: vault.open(sealed[:-1] + b"x", "here"),
    ):
        with pytest.raises(Unreadable):
            wrong()
    hashed = vault.address_hash("t1", "sms", "1")
    others = [vault.address_hash(*each) for each in (("t2", "sms", "1"), ("t1", "push", "1"))]
    assert len({hashed, another.address_hash("t1", "sms", "1"), *others}) == 4
    with pytest.raises(ValueError, match="at least 32"):
        Vault(b"short")


def test_a_policy_is_kept_by_version_and_the_newest_is_in_force(do: Do) -> None:
    store = SqlPolicyStore()
    assert do(store.current, "t1") == do(store.version, "t1", 0) == StoredPolicy()
    cap = Cap("marketing", "sms", "", Period.WEEK, 3)
    first = StoredPolicy(Policy(), 1, NOW, "ann")
    second = StoredPolicy(Policy((cap,), Hours(1, 2), Hours(3, 4), 5, "s"), 2, NOW + timedelta(days=1), "bob")
    for stored in (first, second):
        do(store.gate, "t1")
        do(store.add, "t1", stored)
    assert do(store.current, "t1") == do(store.version, "t1", 2) == second
    assert do(store.version, "t1", 1) == first
    assert do(store.version, "t1", 3) is None
    do(store.gate, "t2")
    assert do(store.current, "t2") == StoredPolicy()


def test_drafts_are_found_by_campaign(do: Do, campaign: Campaign, other: Campaign) -> None:
    store = SqlCampaignStore()
    do(store.add, campaign, b"1")
    do(store.add, other, b"2")
    assert do(store.drafts, "t1", ["c1", "c2", "c3"]) == {"c1": campaign.draft, "c2": other.draft}
    assert do(store.drafts, "t2", ["c1"]) == do(store.drafts, "t1", []) == {}


def test_suppressions_are_added_once_found_by_address_and_taken_away(do: Do) -> None:
    listed = SqlSuppressionList()
    first = Suppression("h1", Scope.CHANNEL, "sms", False, "opt_out", NOW)
    second = Suppression("h1", Scope.GLOBAL, "", False, "asked", NOW, "ann")
    third = Suppression("h2", Scope.BRAND, "north", True, "", NOW)
    do(listed.add, "t1", [third, first, second])
    do(listed.add, "t1", [replace(first, reason="again", since=NOW + timedelta(days=1))])
    assert sorted(do(listed.of, "t1", ["h1", "h3"]), key=lambda each: each.scope) == [first, second]
    assert do(listed.page, "t1", ("", "", ""), 2) == [first, second]
    assert do(listed.page, "t1", ("h1", "global", ""), 2) == [third]
    do(listed.add, "t1", [replace(first, every_class=True, reason="unreachable")])
    do(listed.add, "t1", [first])
    assert replace(first, every_class=True) in do(listed.of, "t1", ["h1"])
    assert do(listed.remove, "t1", ["h1", "h2"], Scope.GLOBAL, "") == 1
    assert (
        do(listed.remove, "t1", ["h1"], Scope.GLOBAL, "")
        == do(listed.remove, "t1", [], Scope.GLOBAL, "")
        == 0
    )
    assert do(listed.of, "t2", ["h1", "h2"]) == do(listed.of, "t1", []) == []
    do(listed.add, "t1", [])


def test_proposed_periods_are_kept_by_name(do: Do) -> None:
    store = SqlPolicyStore()
    cap = Cap("marketing", "sms", "", Period.DAY, 3)
    period = NamedPeriod("double11", date(2026, 11, 1), date(2026, 11, 11), (cap,))
    first = Proposal(period, Standing.PROPOSED, "ann")
    second = replace(first, period=replace(period, name="double12"))
    assert do(store.propose, "t1", first)
    assert not do(store.propose, "t1", replace(first, proposed_by="bob"))
    assert do(store.propose, "t1", second)
    assert do(store.proposal, "t1", "double11") == first
    assert do(store.proposal, "t2", "double11") is None
    approved = replace(first, standing=Standing.APPROVED, approved_by="bob")
    do(store.put_proposal, "t1", approved)
    assert do(store.proposals, "t1", "", 9) == [approved, second]
    assert do(store.proposals, "t1", "double11", 9) == [second]
    assert do(store.proposals, "t1", "", 1) == [approved]
