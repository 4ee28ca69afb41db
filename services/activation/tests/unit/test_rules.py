"""Pure rules: ids, holdout, receipts, waiting, campaign states, limits."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from activation.domain.campaign import DEFAULT_LIFE, Campaign, Draft, State, problem_of
from activation.domain.delivery import (
    MAX_PAUSE_S,
    DeliveryState,
    after_receipt,
    delivery_id,
    held_out,
    retry_pause_s,
)
from activation.domain.feedback import record_id
from hypothesis import given
from hypothesis import strategies as st

S = DeliveryState
NOW = datetime(2026, 6, 11, tzinfo=UTC)
DRAFT = Draft("c1", "", "snap", "jpush", "push", "marketing", "", "", {}, "", 0, "", None, "")
HASHES = st.integers(0, 2**64 - 1)


def test_a_delivery_id_is_the_stated_hash_and_differs_with_every_part() -> None:
    assert delivery_id("t1", "c1", 7, "jpush") == "b5701e8db068e09bae544a6fab418ef8"
    ids = {
        delivery_id(*parts)
        for parts in [
            ("t1", "c1", 7, "jpush"),
            ("t2", "c1", 7, "jpush"),
            ("t1", "c2", 7, "jpush"),
            ("t1", "c1", 8, "jpush"),
            ("t1", "c1", 7, "sms"),
            ("t1", "c1", 7, "jpush", "other"),
            ("t1c", "1", 7, "jpush"),
        ]
    }
    assert len(ids) == 7
    assert all(len(each) == 32 for each in ids)


def test_a_record_id_follows_from_what_the_provider_said() -> None:
    assert record_id("a", "k", "message_delivered") == record_id("a", "k", "message_delivered")
    assert len({record_id("a", "k", "x"), record_id("a", "k", "y"), record_id("b", "k", "x")}) == 3


def test_the_holdout_has_the_share_that_was_asked_for() -> None:
    hashes = [each * 0x9E3779B97F4A7C15 % 2**64 for each in range(20_000)]
    for share in (0, 500, 5_000, 9_999):
        held = sum(held_out("salt", each, share) for each in hashes)
        assert abs(held - 2 * share) <= 200
    assert not any(held_out("salt", each, 0) for each in hashes)


@given(HASHES, st.integers(0, 9_998))
def test_a_larger_share_holds_back_the_same_and_more(birth_hash: int, share: int) -> None:
    assert held_out("s", birth_hash, share) <= held_out("s", birth_hash, share + 1)


def test_another_salt_holds_back_others() -> None:
    one = {each for each in range(5_000) if held_out("one", each, 1_000)}
    other = {each for each in range(5_000) if held_out("other", each, 1_000)}
    assert 20 < len(one & other) < 100


@given(st.sampled_from(S), st.lists(st.booleans(), max_size=6))
def test_receipts_only_lead_forward_in_whatever_order(state: S, said: list[bool]) -> None:
    for delivered in said:
        state = after_receipt(state, delivered=delivered) or state
    if True in said:
        assert state is S.DELIVERED
    elif said and state is not S.DELIVERED:
        assert state is S.UNDELIVERED


def test_delivered_is_final() -> None:
    assert after_receipt(S.DELIVERED, delivered=False) is None
    assert after_receipt(S.DELIVERED, delivered=True) is None
    assert after_receipt(S.UNDELIVERED, delivered=False) is None
    assert after_receipt(S.UNDELIVERED, delivered=True) is S.DELIVERED


@given(st.floats(0, 10**6), st.integers(0, 10**6), st.text(max_size=8))
def test_waiting_grows_and_stays_within_a_day(after_s: float, attempts: int, batch: str) -> None:
    pause_s = retry_pause_s(after_s, attempts, batch)
    assert min(max(after_s, 1.0), MAX_PAUSE_S) <= pause_s <= MAX_PAUSE_S
    assert retry_pause_s(after_s, attempts + 1, batch) >= pause_s


def test_a_campaign_expires_a_day_after_its_start_unless_it_says_otherwise() -> None:
    campaign = Campaign("t1", DRAFT, State.DRAFT, "", 1, NOW)
    assert campaign.expire_time is None
    assert replace(campaign, start_time=NOW).expire_time == NOW + DEFAULT_LIFE
    stated = replace(campaign, draft=replace(DRAFT, expire_time=NOW + timedelta(hours=1)), start_time=NOW)
    assert stated.expire_time == NOW + timedelta(hours=1)


def test_only_a_fence_raises_the_epoch() -> None:
    campaign = Campaign("t1", DRAFT, State.RUNNING, "", 1, NOW)
    assert campaign.at(State.DRAINING).epoch == 1
    assert campaign.at(State.PAUSED, "x" * 300, fence=True).epoch == 2
    assert len(campaign.at(State.PAUSED, "x" * 300).note) == 256
    assert campaign.after_pause() is State.PLANNING
    assert replace(campaign, plan_done=True).after_pause() is State.RUNNING


@pytest.mark.parametrize(
    ("fields", "at_fault"),
    [
        ({"campaign_id": ""}, "campaign.campaign_id"),
        ({"campaign_id": "c" * 65}, "campaign.campaign_id"),
        ({"parameters": {str(each): "" for each in range(33)}}, "campaign.template.parameters"),
        ({"parameters": {"a": "x" * 257}}, "campaign.template.parameters"),
        ({"url": "x" * 1_025}, "campaign.template.url"),
        ({"holdout_salt": "x" * 129}, "campaign.holdout_salt"),
        ({"holdout_basis_points": -1}, "campaign.holdout_basis_points"),
    ],
)
def test_limits_name_the_field(fields: dict[str, object], at_fault: str) -> None:
    assert problem_of(DRAFT) is None
    problem = problem_of(replace(DRAFT, **fields))  # type: ignore[arg-type]
    assert problem is not None
    assert problem[0] == at_fault
