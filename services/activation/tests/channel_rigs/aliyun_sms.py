"""Aliyun SMS."""

from pathlib import Path

from activation.channels.aliyun_sms.channel import AliyunSmsAccount, AliyunSmsChannel
from activation.channels.port import Channel, Message

from channel_rigs.kind import SECRET, SERVICE, Kind, Means


def phones(count: int) -> list[str]:
    return [f"+86138{at:08}" for at in range(count)]


def section(receipts_url: str, _: Path) -> dict[str, object]:
    account = {
        "access_key_id": "ak",
        "access_key_secret": SECRET,
        "receipts_url": receipts_url,
        "replies_url": receipts_url,
    }
    return {
        "accounts": [account],
        "signs": [{"name": "华象"}],
        "templates": [{"code": "SMS_1", "kind": "notice", "content": "您的${thing}已到店"}],
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return AliyunSmsChannel(AliyunSmsAccount("ak", secret), means.transport, means.now, means.new_id, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, "SMS_1", "华象", {"thing": words}), f"【华象】您的{words}已到店"


KINDS = {
    "aliyun_sms": Kind(
        provider="aliyun_sms",
        action="SendBatchSms",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, "SMS_9", "华象", {"thing": "包裹"}),
        addresses=phones,
        local=lambda address: address.removeprefix("+86"),
    )
}
