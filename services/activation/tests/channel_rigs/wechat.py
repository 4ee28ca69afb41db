"""WeChat."""

from pathlib import Path

from activation.channels.port import Channel, Message
from activation.channels.wechat_template.channel import WechatTemplateChannel
from activation.channels.wechat_template.tokens import WechatAccount

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed

CALLBACK_TOKEN = "callback-token-for-tests"


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
        "followers": {"listed_file": listed(folder, "openids.txt", openids(MANY))},
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return WechatTemplateChannel(WechatAccount("wx", secret, CALLBACK_TOKEN), means.transport, means.now, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "T1", parameters={"thing": words}), f"{words}已到店"


KINDS = {
    "wechat_template": Kind(
        provider="wechat",
        action="template_send",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, "T9", parameters={"thing": "包裹"}),
        addresses=openids,
        stranger="x",
    )
}
