"""The channels of a WeChat official account."""

from dataclasses import replace
from pathlib import Path

from activation.channels.port import Channel, Message
from activation.channels.wechat.official_account import WechatAccount
from activation.channels.wechat_customer_service.channel import WechatCustomerServiceChannel
from activation.channels.wechat_mass.channel import WechatMassChannel
from activation.channels.wechat_subscription.channel import WechatSubscriptionChannel
from activation.channels.wechat_template.channel import WechatTemplateChannel

from channel_rigs.kind import SECRET, SERVICE, Kind, Means, listed

CALLBACK_TOKEN = "callback-token-for-tests"
ACCOUNT = WechatAccount("wx", SECRET, CALLBACK_TOKEN)
FOLLOWERS = 10_000
PLENTY = 1_000
"""So many that no test meets the limit."""


def openids(count: int) -> list[str]:
    return [f"openid-{at}" for at in range(count)]


def section(receipts_url: str, folder: Path) -> dict[str, object]:
    account = {
        "appid": "wx",
        "secret": SECRET,
        "callback_token": CALLBACK_TOKEN,
        "receipts_url": receipts_url,
    }
    return {
        "accounts": [account],
        "templates": [{"template_id": "T1", "content": "{{thing.DATA}}已到店"}],
        "subscription_templates": [
            {"template_id": "S1", "content": "{{character_string1.DATA}}已到店", "granted": PLENTY}
        ],
        "answers": PLENTY,
        "articles": [{"media_id": "M1", "content": "新品上市"}],
        "mass_calls_per_minute": PLENTY,
        "mass_per_person_month": PLENTY,
        "followers": {"listed_file": listed(folder, "openids.txt", openids(FOLLOWERS))},
    }


def make_template(means: Means, secret: str, url: str) -> Channel:
    return WechatTemplateChannel(replace(ACCOUNT, secret=secret), means.transport, means.now, url)


def make_mass(means: Means, secret: str, url: str) -> Channel:
    return WechatMassChannel(replace(ACCOUNT, secret=secret), means.transport, means.now, url)


def make_subscription(means: Means, secret: str, url: str) -> Channel:
    return WechatSubscriptionChannel(replace(ACCOUNT, secret=secret), means.transport, means.now, url)


def make_customer_service(means: Means, secret: str, url: str) -> Channel:
    return WechatCustomerServiceChannel(replace(ACCOUNT, secret=secret), means.transport, means.now, url)


def says_by_template(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "T1", parameters={"thing": words}), f"{words}已到店"


def says_by_grant(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "S1", parameters={"character_string1": words}), f"{words}已到店"


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, parameters={"text": words}), words


TEMPLATE = Kind(
    provider="wechat",
    action="template_send",
    section=section,
    make=make_template,
    says=says_by_template,
    bad_message=Message(SERVICE, "T9", parameters={"thing": "包裹"}),
    addresses=openids,
    stranger="x",
)
MASS = replace(
    TEMPLATE,
    action="mass_send",
    make=make_mass,
    says=says,
    bad_message=Message(SERVICE, "M9"),
    stranger="",
)
SUBSCRIPTION = replace(
    TEMPLATE,
    action="subscribe_bizsend",
    make=make_subscription,
    says=says_by_grant,
    bad_message=Message(SERVICE, "S9", parameters={"character_string1": "包裹"}),
    names_messages=False,
)
CUSTOMER_SERVICE = replace(
    TEMPLATE,
    action="custom_send",
    make=make_customer_service,
    says=says,
    bad_message=Message(SERVICE, parameters={"text": "长" * 1_000}),
    names_messages=False,
)
KINDS = {
    "wechat_template": TEMPLATE,
    "wechat_mass": MASS,
    "wechat_subscription": SUBSCRIPTION,
    "wechat_customer_service": CUSTOMER_SERVICE,
}
