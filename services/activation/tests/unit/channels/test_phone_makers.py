"""What phone makers are told of a message's class, in the names of those who push to them."""

import json

import pytest
from activation.channels.getui.channel import GetuiChannel
from activation.channels.getui.tokens import GetuiAccount
from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.phone_makers import Registered
from activation.channels.port import Batch, Message, MessageClass, Target

REGISTERED = Registered(
    huawei_category="EXPRESS",
    oppo_category="ORDER",
    vivo_category="ORDER",
    oppo_channel="oppo-orders",
    xiaomi_channel="101",
    oppo_marketing_channel="oppo-offers",
    xiaomi_marketing_channel="102",
)


def built(channel, message_class: MessageClass) -> dict[str, object]:
    message = Message(message_class, parameters={"title": "到店", "alert": "您的包裹已到店"})
    return json.loads(channel.build(Batch("k", message, (Target("d", "k", "device"),))).body)


def jpush(message_class: MessageClass, registered: Registered) -> dict[str, object]:
    channel = JpushChannel(JpushAccount("jp", "s", registered=registered), transport=None)
    return built(channel, message_class)["options"]


def getui(message_class: MessageClass, registered: Registered) -> dict[str, object]:
    channel = GetuiChannel(GetuiAccount("gt", "gk", "s", registered), transport=None, now=None)
    return built(channel, message_class)["push_channel"]["android"]["ups"]["options"]


def test_jpush_hands_on_what_is_marketing():
    options = jpush(MessageClass.MARKETING, REGISTERED)
    assert options["classification"] == 0
    assert options["third_party_channel"] == {
        "huawei": {"importance": "LOW", "category": "MARKETING"},
        "honor": {"importance": "LOW"},
        "xiaomi": {"channel_id": "102"},
        "oppo": {"channel_id": "oppo-offers", "category": "MARKETING"},
        "vivo": {"classification": 0, "category": "MARKETING"},
    }


def test_jpush_hands_on_what_a_person_waits_for():
    options = jpush(MessageClass.TRANSACTIONAL, REGISTERED)
    assert options["classification"] == 1
    assert options["third_party_channel"] == {
        "huawei": {"importance": "NORMAL", "category": "EXPRESS"},
        "honor": {"importance": "NORMAL"},
        "xiaomi": {"channel_id": "101"},
        "oppo": {"channel_id": "oppo-orders", "category": "ORDER"},
        "vivo": {"classification": 1, "category": "ORDER"},
    }


def test_getui_hands_on_both_by_the_makers_own_paths():
    assert getui(MessageClass.MARKETING, REGISTERED) == {
        "HW": {
            "/message/android/notification/importance": "LOW",
            "/message/android/category": "MARKETING",
        },
        "HO": {"/android/notification/importance": "LOW"},
        "XM": {"/extra.channel_id": "102"},
        "OP": {"/channel_id": "oppo-offers", "/category": "MARKETING"},
        "VV": {"/classification": 0, "/category": "MARKETING"},
    }
    service = getui(MessageClass.TRANSACTIONAL, REGISTERED)
    assert service["HW"]["/message/android/category"] == "EXPRESS"
    assert (service["XM"], service["VV"]["/classification"]) == ({"/extra.channel_id": "101"}, 1)


@pytest.mark.parametrize("channel", [jpush, getui])
def test_what_is_not_registered_is_not_claimed(channel):
    assert "EXPRESS" not in str(channel(MessageClass.TRANSACTIONAL, Registered()))
    said = str(channel(MessageClass.TRANSACTIONAL, Registered()))
    assert "channel_id" not in said
    assert "category" not in said
    assert "MARKETING" in str(channel(MessageClass.MARKETING, Registered()))
