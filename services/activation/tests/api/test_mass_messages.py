"""A campaign by WeChat mass messages: one call, and one event that speaks for everybody or for nobody."""

import asyncio

import pytest
from activation.app.accounts import Account
from activation.channels.wechat.official_account import WechatAccount
from activation.channels.wechat_mass.channel import WechatMassChannel
from activation_world import CALLBACK_TOKEN, CONTACTS, FAST, SECRET, WECHAT, World, campaign, campaigns_pb2
from huaxiang.activation.v1 import campaign_pb2, delivery_service_pb2

ACCOUNT = "wechat_news"
NEWS = campaign_pb2.MessageTemplate(parameters={"text": "新品上市"})


@pytest.fixture
async def news(still_world: World) -> World:
    """The world with an account for mass messages; WeChat pushes its events to the account of template messages."""
    world = still_world
    transport = world.accounts["push_main"].channel._transport
    keys, url = WechatAccount("wx", SECRET, CALLBACK_TOKEN), world.sandbox.url("wechat")
    channel = WechatMassChannel(keys, transport, world.clock.moment, url)
    world.accounts[ACCOUNT] = Account(ACCOUNT, channel, "wx", 1_000, FAST)
    await world.stop()
    await world.start()
    return world


async def start(world: World) -> None:
    message = campaign(WECHAT, provider_account=ACCOUNT, template=NEWS)
    message.channel = "wechat_mass"
    await world.create(message)
    await world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))


async def test_one_event_delivers_everybody_and_each_is_told_of(news: World) -> None:
    persons = news.audience(5, WECHAT)
    await start(news)
    assert (await news.completed()).delivered == len(persons)
    assert len({effect.message_id for effect in news.effects()}) == 1
    assert len(await news.events_of("message_delivered", len(persons))) == len(persons)


async def test_whom_it_did_not_reach_nobody_says_so_nobody_counts_as_delivered(news: World) -> None:
    persons = news.audience(3, WECHAT)
    news.identity.addresses[persons[0], CONTACTS[WECHAT]] = "stranger"
    await start(news)
    await news.until(lambda answer: answer.report.accepted == len(persons))
    while news.sandbox.reports.waiting() or news.count("SELECT count(*) FROM receipt_inbox"):  # noqa: ASYNC110
        await asyncio.sleep(0.02)
    states = {row.state for row in await news.rows()}
    assert states == {delivery_service_pb2.DELIVERY_STATE_ACCEPTED}
