"""A campaign through Tencent Cloud SMS, whose receipts know a message by nothing but the provider's own id."""

from collections import Counter

import pytest
from activation.app.accounts import Account
from activation.channels.tencent_sms.channel import TencentSmsAccount, TencentSmsChannel
from activation_world import (
    FAST,
    RECEIPTS_SECRET,
    SECRET,
    SMS,
    World,
    address,
    campaign,
    campaigns_pb2,
)
from huaxiang.activation.v1 import campaign_pb2
from sandbox.effects import address_hash
from sandbox.faults import Fault, Rule
from sandbox.main import build
from sandbox.settings import read

ACCOUNT = "sms_second"
NOTICE = campaign_pb2.MessageTemplate(template_id="1001", sign_name="华象", parameters={"1": "包裹"})


@pytest.fixture
async def provider(still_world: World, tmp_path):
    """Its sandbox, beside the world's own, with an account of the world."""
    world = still_world
    receipts = f"http://127.0.0.1:{world.receipts_port}/receipts/{ACCOUNT}/{RECEIPTS_SECRET}"
    app = {"secret_id": "id", "secret_key": SECRET, "sdk_app_id": "14", "receipts_url": receipts}
    section = {
        "apps": [app],
        "signs": [{"name": "华象"}],
        "templates": [{"template_id": "1001", "kind": "notice", "content": "您的{1}已到店"}],
        "query_lag_s": 0,
    }
    settings = read({"tencent_sms": section})
    async with build(settings, tmp_path / "second", clock=world.clock, responses=world.people) as sandbox:
        transport = world.accounts["push_main"].channel._transport
        keys, url = TencentSmsAccount("id", SECRET, "14"), sandbox.url("tencent_sms")
        channel = TencentSmsChannel(keys, transport, world.clock.moment, url)
        world.accounts[ACCOUNT] = Account(ACCOUNT, channel, "", 1_000, FAST)
        await world.stop()
        await world.start()
        yield sandbox


@pytest.mark.parametrize("fault", [None, Fault.RESET_AFTER])
async def test_receipts_find_their_messages_also_when_only_a_query_named_them(still_world, provider, fault):
    if fault is not None:
        provider.faults.replace((Rule(fault, "tencent_sms", "SendSms", limit=1),))
    persons = still_world.audience(3, SMS)
    message = campaign(SMS, provider_account=ACCOUNT, template=NOTICE)
    message.channel = "tencent_sms"
    await still_world.create(message)
    await still_world.campaigns().StartCampaign(campaigns_pb2.StartCampaignRequest(campaign_id="c1"))
    report = await still_world.completed()
    assert report.delivered == len(persons)
    hashes = [address_hash("tencent_sms", address(SMS, person)) for person in persons]
    assert Counter(effect.address_hash for effect in provider.log.page()) == Counter(hashes)
