"""The provider's misfortunes: at most one message for each delivery, every row terminal, nothing lost unsaid."""

import time

import pytest
from activation_world import (
    ACCOUNTS,
    CHANNELS,
    CONTACTS,
    PUSH,
    SMS,
    WECHAT,
    S,
    World,
    campaign,
    campaigns_pb2,
    provider_hash,
)
from huaxiang.activation.v1 import campaign_pb2
from sandbox.faults import Fault

AFTER = (Fault.ERROR_AFTER, Fault.RESET_AFTER, Fault.GARBAGE, Fault.TIMEOUT_AFTER)
BEFORE = (Fault.ERROR_BEFORE, Fault.RESET_BEFORE)


async def assert_one_each(world: World, channel: str, persons: list[int]) -> campaign_pb2.CampaignReport:
    """Everybody got the message once, and the ledger says so."""
    report = await world.completed()
    assert (report.planned, report.delivered, report.open) == (len(persons), len(persons), 0)
    assert world.received() == dict.fromkeys((provider_hash(channel, each) for each in persons), 1)
    await world.events_of("message_delivered", len(persons))
    assert len(world.identity.records) == len(persons)
    return report


@pytest.mark.parametrize("fault", AFTER)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_an_answer_lost_after_the_effect_sends_nobody_twice(
    world: World, channel: str, fault: Fault
) -> None:
    persons = world.audience(12, channel)
    world.receipts(delay_s=1.0)
    world.suffer(channel, fault, limit=2)
    await world.run(channel)
    await assert_one_each(world, channel, persons)
    unknown = [each for each in persons if (S.DELIVERY_STATE_UNKNOWN) in dict(await world.history(each))]
    assert unknown


@pytest.mark.parametrize("fault", BEFORE)
@pytest.mark.parametrize("channel", CHANNELS)
async def test_an_unclear_answer_without_an_effect_loses_nobody(
    world: World, channel: str, fault: Fault
) -> None:
    persons = world.audience(12, channel)
    world.suffer(channel, fault, limit=2)
    await world.run(channel)
    await assert_one_each(world, channel, persons)


@pytest.mark.parametrize("channel", CHANNELS)
async def test_throttling_is_waited_out(world: World, channel: str) -> None:
    persons = world.audience(8, channel)
    world.suffer(channel, Fault.THROTTLE, limit=2, retry_after_s=1)
    await world.run(channel)
    await assert_one_each(world, channel, persons)
    steps = [step for person in persons for step in await world.history(person)]
    assert (S.DELIVERY_STATE_RETRY_WAIT, "HTTP_429") in steps


async def test_a_call_served_in_part_is_completed(world: World) -> None:
    persons = world.audience(100, SMS)
    world.receipts(delay_s=1.0)
    world.suffer(SMS, Fault.PARTIAL, limit=1, share=0.3)
    await world.run(SMS)
    await assert_one_each(world, SMS, persons)
    resent = [row for row in await world.rows() if row.attempt_count == 2]
    assert len(resent) == 70


async def test_faults_of_every_kind_at_random(world: World) -> None:
    persons = world.audience(120, WECHAT)
    for fault in (*AFTER, *BEFORE, Fault.THROTTLE):
        world.suffer(WECHAT, fault, rate=0.06)
    world.suffer(WECHAT, Fault.TOKEN_EXPIRED, calls=(40,))
    world.receipts(duplicated=0.3, reordered=0.3, reordered_by_s=1.0, early=0.2)
    await world.run(WECHAT)
    await assert_one_each(world, WECHAT, persons)


async def test_tokens_that_end_right_after_their_renewal_pause_no_campaign(world: World) -> None:
    persons = world.audience(30, WECHAT)
    world.suffer(WECHAT, Fault.TOKEN_EXPIRED, limit=6)
    await world.run(WECHAT)
    await assert_one_each(world, WECHAT, persons)


async def test_an_outcome_that_stays_unknown_is_abandoned_and_said(world: World) -> None:
    persons = world.audience(3, WECHAT)
    world.receipts(dropped=1.0)
    world.suffer(WECHAT, Fault.ERROR_BEFORE)
    await world.run(WECHAT)
    await world.until(lambda each: each.report.open == 3)
    await world.until(lambda each: each.campaign.state == campaign_pb2.CAMPAIGN_STATE_DRAINING)
    world.clock.advance(481)
    report = await world.completed()
    assert (report.abandoned, report.accepted, world.effects()) == (len(persons), 0, [])


async def test_what_is_asked_while_nobody_answers_stays_unknown(world: World) -> None:
    world.audience(2, SMS)
    world.suffer(SMS, Fault.ERROR_AFTER, limit=1)
    world.receipts(dropped=1.0)
    query = {"action": "QuerySendDetails"}
    world.suffer(SMS, Fault.ERROR_BEFORE, limit=8, **query)
    await world.run(SMS)
    answer = await world.until(lambda each: each.report.accepted == 2)
    assert len(world.effects()) == 2
    assert answer.report.open == 2


@pytest.mark.parametrize("channel", [SMS, PUSH])
async def test_a_provider_that_is_away_is_spared_and_then_served(world: World, channel: str) -> None:
    persons = world.audience(10, channel)
    account = world.accounts[ACCOUNTS[channel]]
    base_url = account.channel._base_url
    account.channel._base_url = "http://127.0.0.1:9"
    await world.run(channel)
    time_s = time.monotonic()
    await world.until(lambda _: time.monotonic() > time_s + 1.0)
    assert not world.effects()
    account.channel._base_url = base_url
    world.clock.advance(60)
    await assert_one_each(world, channel, persons)


async def test_a_message_that_the_provider_refuses_pauses_the_campaign_and_fails_nobody(world: World) -> None:
    persons = world.audience(5, SMS)
    await world.run(SMS, "c1")
    await world.completed()
    bad = campaign(SMS, "c2")
    bad.template.template_id = "SMS_9"
    await world.create(bad)
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c2"))
    answer = await world.until(lambda each: each.campaign.state == campaign_pb2.CAMPAIGN_STATE_PAUSED, "c2")
    assert "isv.SMS_TEMPLATE_ILLEGAL" in answer.campaign.state_note
    assert (answer.report.open, dict(answer.report.rejected)) == (len(persons), {})
    assert len(world.effects()) == len(persons)


async def test_strangers_are_rejected_alone(world: World) -> None:
    persons = world.audience(4, WECHAT)
    world.identity.addresses[2, CONTACTS[WECHAT]] = "nobody-we-know"
    await world.run(WECHAT)
    report = await world.completed()
    assert (report.delivered, dict(report.rejected)) == (len(persons) - 1, {"40003": 1})
