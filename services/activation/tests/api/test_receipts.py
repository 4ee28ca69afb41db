"""What comes back: early, repeated, disordered, forged, never; and the replies of people."""

import asyncio
import hashlib
import io
import json
import time
from dataclasses import replace

import aiohttp
import pytest
from activation.channels.wechat.official_account import WechatAccount
from activation.channels.wechat_subscription.channel import WechatSubscriptionChannel
from activation_world import (
    ACCOUNTS,
    CALLBACK_TOKEN,
    CHANNELS,
    PUSH,
    RECEIPTS_SECRET,
    SECRET,
    SMS,
    WECHAT,
    S,
    World,
    address,
    campaign,
    campaigns_pb2,
)
from huaxiang.activation.v1 import campaign_pb2
from huaxiang.identity.v1 import record_pb2
from sandbox.faults import Fault
from sandbox.responses import Response


def url(world: World, channel: str, secret: str = RECEIPTS_SECRET, kind: str = "receipts") -> str:
    return f"http://127.0.0.1:{world.receipts_port}/{kind}/{ACCOUNTS[channel]}/{secret}"


async def post(target: str, body: bytes, headers: dict[str, str] | None = None) -> tuple[int, bytes]:
    async with (
        aiohttp.ClientSession() as session,
        session.post(target, data=io.BytesIO(body), headers=headers) as answer,
    ):
        return answer.status, await answer.read()


def sms_report(phone: str, out_id: str, *, success: bool = True, biz_id: str = "1^0") -> dict[str, object]:
    return {
        "phone_number": phone,
        "send_time": "2026-06-11 12:00:00",
        "report_time": "2026-06-11 12:00:01",
        "success": success,
        "err_code": "DELIVERED" if success else "IS_CLOSED",
        "err_msg": "",
        "sms_size": "1",
        "biz_id": biz_id,
        "out_id": out_id,
    }


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize(
    "fates",
    [{"early": 1.0}, {"duplicated": 1.0, "jitter_s": 0.3}, {"reordered": 0.5, "reordered_by_s": 1.0}],
    ids=["early", "repeated", "disordered"],
)
async def test_each_receipt_counts_once_whenever_it_comes(
    world: World, channel: str, fates: dict[str, float]
) -> None:
    persons = world.audience(20, channel)
    world.receipts(**fates)
    await world.run(channel)
    report = await world.completed()
    assert (report.accepted, report.delivered) == (20, 20)
    await world.events_of("message_delivered", len(persons))
    world.clock.advance(5)
    await asyncio.sleep(0.5)
    assert len(world.identity.records) == len(persons)
    assert world.count("SELECT count(*) FROM receipt_inbox") == 0


async def test_a_late_delivered_beats_undelivered_and_never_the_other_way(still_world: World) -> None:
    world = still_world
    world.audience(1, SMS)
    world.receipts(dropped=1.0)
    world.work()
    await world.run(SMS)
    await world.until(lambda each: each.report.accepted == 1)
    (effect,) = world.effects()
    for success in (False, True, False, True):
        body = json.dumps([sms_report("13800000001", effect.key, success=success)]).encode()
        status, said = await post(url(world, SMS), body)
        assert (status, json.loads(said)["code"]) == (200, 0)
        await world.until(lambda _: world.count("SELECT count(*) FROM receipt_inbox") == 0)
    report = await world.completed()
    assert (report.delivered, report.undelivered) == (1, 0)
    states = [state for state, _ in await world.history(1)]
    assert states[-2:] == [S.DELIVERY_STATE_UNDELIVERED, S.DELIVERY_STATE_DELIVERED]
    assert len(await world.events_of("message_failed", 1)) == 1
    assert len(await world.events_of("message_delivered", 1)) == 1


async def test_what_is_not_the_providers_is_turned_away_and_leaves_nothing(still_world: World) -> None:
    world = still_world
    body = b"[]"
    assert (await post(url(world, SMS, "guessed"), body))[0] == 404
    assert (await post(f"http://127.0.0.1:{world.receipts_port}/receipts/nobody/x", body))[0] == 404
    assert (await post(url(world, PUSH), body, {"Authorization": "Basic x"}))[0] == 403
    forged = url(world, WECHAT) + "?timestamp=1&nonce=2&signature=" + "0" * 40
    assert (await post(forged, b"<xml/>"))[0] == 403
    assert world.count("SELECT count(*) FROM receipt_inbox") == 0


async def test_a_providers_probe_is_answered(still_world: World) -> None:
    digest = hashlib.sha1("".join(sorted((CALLBACK_TOKEN, "1", "2"))).encode()).hexdigest()
    probe = url(still_world, WECHAT) + f"?timestamp=1&nonce=2&signature={digest}&echostr=hello"
    async with aiohttp.ClientSession() as session, session.get(probe) as answer:
        assert (answer.status, await answer.text()) == (200, "hello")


async def test_what_comes_for_an_official_account_is_read_by_all_its_channels(still_world: World) -> None:
    world = still_world
    wechat, push = (world.accounts[ACCOUNTS[channel]] for channel in (WECHAT, PUSH))
    keys = WechatAccount("wx", SECRET, CALLBACK_TOKEN)
    notices = WechatSubscriptionChannel(keys, push.channel._transport, world.clock.moment)
    world.accounts["notices"] = replace(wechat, name="notices", channel=notices)
    await world.stop()
    await world.start(workers=False)
    digest = hashlib.sha1("".join(sorted((CALLBACK_TOKEN, "1", "2"))).encode()).hexdigest()
    target = url(world, WECHAT) + f"?timestamp=1&nonce=2&signature={digest}"
    entry = "<List><TemplateId>T</TemplateId><SubscribeStatusString>accept</SubscribeStatusString></List>"
    event = (
        f"<Event>subscribe_msg_popup_event</Event><SubscribeMsgPopupEvent>{entry}</SubscribeMsgPopupEvent>"
    )
    body = f"<xml><FromUserName>o</FromUserName><CreateTime>1610969440</CreateTime>{event}</xml>".encode()
    assert await post(target, body) == (200, b"success")
    assert world.count("SELECT count(*) FROM receipt_inbox WHERE account = 'notices'") == 1
    assert world.count("SELECT count(*) FROM receipt_inbox") == 2
    world.work()
    for _ in range(400):
        if not world.count("SELECT count(*) FROM receipt_inbox"):
            return
        await asyncio.sleep(0.05)
    pytest.fail("the inbox never emptied")


async def test_a_receipt_that_came_long_before_the_answer_counts_as_soon_as_that_is_known(
    world: World,
) -> None:
    world.audience(1, WECHAT)
    world.suffer(WECHAT, Fault.ERROR_AFTER, limit=1)
    await world.run(WECHAT)
    await world.until(lambda _: world.count("SELECT count(*) FROM receipt_inbox WHERE tries > 0") == 1)
    await world.campaigns().PauseCampaign(campaigns_pb2.PauseCampaignRequest(campaign_id="c1"))
    for tries in range(1, 8):
        due = f"SELECT count(*) FROM receipt_inbox WHERE tries > {tries}"
        world.clock.advance(2.0**tries)
        await world.until(lambda _, due=due: world.count(due) == 1)
    await world.campaigns().ResumeCampaign(campaigns_pb2.ResumeCampaignRequest(campaign_id="c1"))
    assert (await world.completed()).delivered == 1


async def test_a_callback_that_cannot_be_read_is_kept_and_stops_nobody(world: World) -> None:
    world.audience(1, SMS)
    assert (await post(url(world, SMS), b"not json"))[0] == 200
    stranger = json.dumps([sms_report("13800000009", "nobodys-batch")]).encode()
    assert (await post(url(world, SMS), stranger))[0] == 200
    await world.run(SMS)
    await world.completed()
    assert world.count("SELECT count(*) FROM receipt_inbox") == 2
    world.clock.advance(8 * 86_400)
    await world.until(lambda _: world.count("SELECT count(*) FROM receipt_inbox") == 0)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        json.dumps([sms_report("\ud800", "KEY", biz_id="\ud800")]).encode(),
        json.dumps([sms_report("13800000001", "KEY\x00", biz_id="\x00")]).encode(),
        json.dumps([sms_report("13800000001", "KEY") | {"report_time": "0001-01-01 00:00:00"}]).encode(),
        json.dumps([sms_report(str(13_800_000_000 + each), "KEY") for each in range(13_000)]).encode(),
    ],
    ids=["nested", "half a character", "NUL", "before all time", "too many"],
)
async def test_no_callback_stops_those_behind_it(any_world: World, body: bytes) -> None:
    world = any_world
    persons = world.audience(3, SMS)
    world.receipts(dropped=1.0)
    await world.run(SMS)
    await world.until(lambda each: each.report.accepted == len(persons))
    (batch,) = {effect.key for effect in world.effects()}
    phone = address(SMS, 1).removeprefix("+86")
    assert (await post(url(world, SMS), body.replace(b"KEY", batch.encode())))[0] == 200
    assert (await post(url(world, SMS), json.dumps([sms_report(phone, batch)]).encode()))[0] == 200
    await world.until(lambda each: each.report.delivered == 1)


@pytest.mark.parametrize("channel", [WECHAT, PUSH])
async def test_silence_ends_as_no_receipt_and_a_late_one_still_counts(world: World, channel: str) -> None:
    world.audience(2, channel)
    world.receipts(delay_s=5_000)
    await world.run(channel)
    await world.until(lambda each: each.report.accepted == 2)
    world.clock.advance(3_700)
    report = await world.completed()
    assert (report.no_receipt, report.delivered) == (2, 0)
    world.clock.advance(2_000)
    await world.until(lambda each: each.report.delivered == 2)
    await world.events_of("message_delivered", 2)


async def test_lost_receipts_are_asked_for_where_the_provider_can_be_asked(world: World) -> None:
    persons = world.audience(120, SMS)
    world.receipts(dropped=1.0)
    world.people.by_address["13800000007"] = Response(
        delivered=False, delivered_after_s=0.0, failure="IS_CLOSED"
    )
    await world.run(SMS)
    await world.until(lambda each: each.report.accepted == len(persons))
    world.suffer(SMS, Fault.ERROR_BEFORE, limit=40, action="QuerySendDetails")
    world.clock.advance(3_700)
    await world.until(lambda each: each.report.delivered > 0)
    world.clock.advance(1)
    report = await world.completed()
    assert (report.delivered, report.undelivered, report.no_receipt) == (119, 1, 0)
    await world.events_of("message_delivered", 119)
    (failed,) = await world.events_of("message_failed", 1)
    assert failed.event.properties["reason"].text_value == "IS_CLOSED"


async def test_asking_for_many_receipts_keeps_no_other_campaign_waiting(world: World) -> None:
    world.audience(1_200, SMS)
    world.receipts(dropped=1.0)
    await world.run(SMS, "c1")
    await world.until(lambda each: each.report.accepted == 1_200)
    world.suffer(SMS, Fault.SLOW, action="QuerySendDetails", delay_s=0.9)
    world.receipts()
    world.clock.advance(3_700)
    query_s = time.monotonic()
    await world.until(lambda _: time.monotonic() > query_s + 1.0)
    world.audience(1, PUSH)
    await world.run(PUSH, "c2")
    begun_s = time.monotonic()
    assert (await world.completed("c2")).delivered == 1
    assert time.monotonic() - begun_s < 5.0


async def test_reply_r_takes_the_permission_back_before_anything_else(world: World) -> None:
    world.audience(3, SMS)
    leaves = Response(delivered_after_s=0.0, reply="R", replied_after_s=0.1)
    world.people.by_address["13800000002"] = leaves
    world.people.by_address["13800000003"] = Response(
        delivered_after_s=0.0, reply="谢谢", replied_after_s=0.1
    )
    await world.run(SMS)
    await world.completed()
    (record,) = await world.events_of("message_unsubscribed", 1)
    (consent,) = record.consents
    assert (consent.purpose, consent.channel, consent.address, consent.granted) == (
        "marketing",
        record_pb2.CHANNEL_SMS,
        address(SMS, 2),
        False,
    )
    (reply,) = await world.events_of("message_replied", 1)
    assert not reply.consents
    assert {each.event.properties["campaign_id"].text_value for each in (record, reply)} == {"c1"}


async def test_somebody_who_leaves_the_official_account_is_told_once(world: World) -> None:
    world.audience(1, WECHAT)
    world.people.response = Response(delivered_after_s=0.0, reply="R", replied_after_s=0.1)
    world.receipts(duplicated=1.0)
    await world.run(WECHAT)
    (record,) = await world.events_of("message_unsubscribed", 1)
    (consent,) = record.consents
    assert (consent.channel, consent.address, consent.scope) == (
        record_pb2.CHANNEL_WECHAT,
        address(WECHAT, 1),
        "wx",
    )
    await asyncio.sleep(0.5)
    assert len(world.identity.events("message_unsubscribed")) == 1


async def test_what_came_back_waits_while_identity_is_down(world: World) -> None:
    persons = world.audience(30, SMS)
    world.people.response = Response(delivered_after_s=0.3)
    await world.run(SMS)
    await world.until(lambda each: each.report.accepted == 30)
    world.identity.down = True
    await world.completed()
    assert not world.identity.records
    world.identity.down = False
    await world.events_of("message_delivered", len(persons))


async def test_nothing_is_sent_while_identity_is_down_and_no_row_is_harmed(world: World) -> None:
    persons = world.audience(30, SMS)
    world.identity.down = True
    await world.run(SMS)
    await world.until(lambda each: each.campaign.state == campaign_pb2.CAMPAIGN_STATE_RUNNING)
    await asyncio.sleep(0.5)
    assert not world.effects()
    world.identity.down = False
    world.clock.advance(2)
    report = await world.completed()
    assert report.delivered == len(persons)
    states = [state for state, _ in await world.history(1)]
    assert states.count(S.DELIVERY_STATE_READY) == 1


async def test_a_question_that_identity_refuses_pauses_the_campaign(world: World) -> None:
    world.audience(3, SMS)
    world.identity.refuses = "is malformed"
    await world.create(campaign(SMS))
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))
    answer = await world.until(lambda each: each.campaign.state == campaign_pb2.CAMPAIGN_STATE_PAUSED)
    assert "brand" in answer.campaign.state_note
    assert answer.report.open == 3
