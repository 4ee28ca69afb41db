"""Pause, resume, cancel, expiry, restart: what is promised when a campaign is stopped."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta

import pytest
from activation.workers import contact_points
from activation_neighbours import WITHDRAWN
from activation_world import (
    ACCOUNTS,
    CHANNELS,
    QUICK,
    SMS,
    WECHAT,
    S,
    World,
    campaign,
    campaigns_pb2,
    provider_hash,
)
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.activation.v1 import campaign_pb2
from sandbox.faults import Fault

PAUSED, RUNNING = campaign_pb2.CAMPAIGN_STATE_PAUSED, campaign_pb2.CAMPAIGN_STATE_RUNNING
PUSHED_AGAIN_S = 61
"""After this, providers have pushed again what nobody took."""
CANCELLED, FAILED = campaign_pb2.CAMPAIGN_STATE_CANCELLED, campaign_pb2.CAMPAIGN_STATE_FAILED


def slow(world: World, channel: str, calls_per_s: int) -> None:
    """Takes calls one by one, so that a test can step in."""
    account = world.accounts[ACCOUNTS[channel]]
    object.__setattr__(account, "calls_per_s", calls_per_s)


async def pause(world: World, campaign_id: str = "c1", reason: str = "") -> campaign_pb2.Campaign:
    request = campaigns_pb2.PauseCampaignRequest(campaign_id=campaign_id, reason=reason)
    return (await world.campaigns().PauseCampaign(request)).campaign


async def resume(world: World, campaign_id: str = "c1") -> campaign_pb2.Campaign:
    request = campaigns_pb2.ResumeCampaignRequest(campaign_id=campaign_id)
    return (await world.campaigns().ResumeCampaign(request)).campaign


async def cancel(world: World, campaign_id: str = "c1", reason: str = "") -> campaign_pb2.Campaign:
    request = campaigns_pb2.CancelCampaignRequest(campaign_id=campaign_id, reason=reason)
    return (await world.campaigns().CancelCampaign(request)).campaign


def submissions(world: World) -> int:
    return world.count("SELECT count(*) FROM delivery_history WHERE state = 5")


async def test_after_pause_returns_nothing_new_is_submitted(any_world: World) -> None:
    world = any_world
    persons = world.audience(150, WECHAT)
    slow(world, WECHAT, 100)
    await world.run(WECHAT)
    for _ in range(5):
        before = submissions(world)
        await world.until(lambda _, before=before: submissions(world) > before)
        answer = await pause(world, reason="lunch")
        at_pause = submissions(world)
        assert (answer.state, answer.state_note) == (PAUSED, "lunch")
        await asyncio.sleep(0.3)
        assert submissions(world) == at_pause
        assert len(world.effects()) <= at_pause
        await resume(world)
    slow(world, WECHAT, 1_000)
    report = await world.completed()
    assert report.delivered == len(persons)
    assert set(world.received().values()) == {1}


async def test_a_second_submission_waits_for_the_resume(world: World) -> None:
    world.audience(1, WECHAT)
    world.suffer(WECHAT, Fault.ERROR_BEFORE, limit=2)
    slow(world, WECHAT, 1)
    await world.run(WECHAT)
    await world.until(lambda _: submissions(world) == 1)
    await pause(world)
    world.sandbox.faults.replace(())
    await asyncio.sleep(1.5)
    effects = world.effects()
    world.clock.advance(30)
    await asyncio.sleep(1.5)
    assert world.effects() == effects == []
    await resume(world)
    assert (await world.completed()).delivered == 1


async def test_receipts_count_while_paused(world: World) -> None:
    persons = world.audience(10, SMS)
    world.receipts(delay_s=1.0)
    await world.run(SMS)
    await world.until(lambda each: each.report.accepted == 10)
    await pause(world)
    assert (await world.completed()).delivered == len(persons)


async def test_pausing_a_plan_and_resuming_it_plans_everybody_once(world: World) -> None:
    world.audience(5_000, SMS)
    world.segments.breaks_after = 3_000
    await world.run(SMS, holdout_basis_points=9_900)
    await pause(world)
    world.segments.breaks_after = None
    assert (await resume(world)).state in {campaign_pb2.CAMPAIGN_STATE_PLANNING, RUNNING}
    world.clock.advance(10)
    report = await world.completed()
    assert report.planned == 5_000


async def test_cancel_is_final_and_every_row_ends(world: World) -> None:
    persons = world.audience(200, WECHAT)
    slow(world, WECHAT, 40)
    await world.run(WECHAT)
    await world.until(lambda each: each.report.accepted > 0)
    answer = await cancel(world, reason="wrong text")
    assert (answer.state, answer.state_note) == (CANCELLED, "wrong text")
    ended = await world.until(lambda each: each.report.open == 0)
    assert ended.report.planned == len(persons)
    assert ended.report.delivered + ended.report.expired == len(persons)
    assert ended.report.delivered == len(world.effects()) > 0
    assert (await cancel(world)).state == CANCELLED
    await world.until(lambda _: world.count("SELECT count(*) FROM campaign WHERE sealed_key IS NULL") == 1)


async def test_what_was_not_sent_in_time_expires(world: World) -> None:
    persons = world.audience(40, WECHAT)
    world.suffer(WECHAT, Fault.THROTTLE)
    at = Timestamp()
    at.FromDatetime(world.clock.moment() + timedelta(seconds=600))
    message = campaign(WECHAT)
    message.expire_time.CopyFrom(at)
    await world.create(message)
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))
    await world.until(lambda _: submissions(world) > 0)
    world.clock.advance(601)
    report = await world.completed()
    assert (report.expired, world.effects()) == (len(persons), [])
    assert {row.state for row in await world.rows()} == {S.DELIVERY_STATE_EXPIRED}


async def test_a_snapshot_that_vanishes_fails_the_campaign_and_ends_its_rows(world: World) -> None:
    world.audience(5_000, SMS)
    world.segments.breaks_after = 3_000
    world.identity.down = True
    await world.run(SMS)
    await world.until(lambda each: each.report.planned > 0)
    del world.segments.snapshots["snap"]
    answer = await world.until(lambda each: each.campaign.state == FAILED)
    assert "snap" in answer.campaign.state_note
    ended = await world.until(lambda each: each.report.open == 0)
    assert ended.report.expired == ended.report.planned


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_restart_goes_on_where_it_was(world: World, channel: str) -> None:
    persons = world.audience(60, channel)
    world.receipts(delay_s=0.5)
    slow(world, channel, 10)
    await world.run(channel)
    await world.until(lambda _: bool(world.effects()))
    await world.stop()
    slow(world, channel, 1_000)
    await world.start()
    world.clock.advance(PUSHED_AGAIN_S)
    report = await world.completed()
    assert (report.planned, report.delivered) == (len(persons), len(persons))
    assert world.received() == dict.fromkeys((provider_hash(channel, each) for each in persons), 1)


async def test_campaigns_of_one_account_take_turns(world: World) -> None:
    world.audience(60, WECHAT)
    slow(world, WECHAT, 20)
    await world.run(WECHAT, "c1")
    await world.run(WECHAT, "c2")
    await world.until(lambda each: each.report.accepted >= 50, "c2")
    assert (await world.get("c1")).report.accepted > 0
    slow(world, WECHAT, 1_000)
    await world.completed("c1")
    await world.completed("c2")
    assert set(world.received().values()) == {2}


async def test_behind_a_slow_provider_permission_is_asked_again(
    still_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contact_points, "PERMISSION_S", 1.0)
    world = still_world
    await world.stop()
    world.limits = replace(QUICK, lease_s=60.0)
    await world.start()
    persons = world.audience(150, WECHAT)
    world.suffer(WECHAT, Fault.SLOW, delay_s=0.5)
    await world.run(WECHAT)
    await world.until(lambda _: bool(world.effects()))
    world.identity.statuses |= dict.fromkeys(persons, WITHDRAWN)
    withdrawn_s = time.monotonic()
    await world.until(lambda _: time.monotonic() > withdrawn_s + 2.0)
    sent = len(world.effects())
    report = await world.completed()
    assert len(world.effects()) == sent
    assert report.suppressed["withdrawn"] == len(persons) - sent > 0
