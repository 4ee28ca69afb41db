"""Tencent Cloud SMS."""

from pathlib import Path

from activation.channels.port import Channel, Message
from activation.channels.tencent_sms.channel import TencentSmsAccount, TencentSmsChannel

from channel_rigs.aliyun_sms import phones
from channel_rigs.kind import SECRET, SERVICE, Kind, Means

APP = "1400000001"
BLACKLISTED = "+8613900000000"


def section(receipts_url: str, _: Path) -> dict[str, object]:
    app = {
        "secret_id": "id",
        "secret_key": SECRET,
        "sdk_app_id": APP,
        "receipts_url": receipts_url,
        "replies_url": receipts_url,
    }
    return {
        "apps": [app],
        "signs": [{"name": "华象"}],
        "templates": [{"template_id": "1001", "kind": "notice", "content": "您的{1}已到店"}],
        "per_number": {"thirty_seconds": 0, "hour": 0, "day": 0, "same_content_day": 0},
        "parameter_max_chars": 30,
        "blacklisted": [BLACKLISTED],
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return TencentSmsChannel(TencentSmsAccount("id", secret, APP), means.transport, means.now, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "1001", "华象", {"1": words}), f"【华象】您的{words}已到店"


KINDS = {
    "tencent_sms": Kind(
        provider="tencent_sms",
        action="SendSms",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, "9999", "华象", {"1": "包裹"}),
        addresses=phones,
        stranger=BLACKLISTED,
    )
}
