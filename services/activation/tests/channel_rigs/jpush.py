"""JPush, with one text for all and with a text for each."""

from dataclasses import replace
from pathlib import Path

from activation.channels.jpush.channel import JpushAccount, JpushChannel
from activation.channels.port import Channel, Message

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed


def devices(count: int) -> list[str]:
    return [f"device-{at}" for at in range(count)]


def section(receipts_url: str, folder: Path) -> dict[str, object]:
    return {
        "apps": [{"app_key": "jp", "master_secret": SECRET, "receipts_url": receipts_url}],
        "devices": {"listed_file": listed(folder, "devices.txt", devices(MANY))},
        "calls_per_minute": 10_000,
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return JpushChannel(JpushAccount("jp", secret), means.transport, url)


def make_personal(means: Means, secret: str, url: str) -> Channel:
    return JpushChannel(JpushAccount("jp", secret, personal=True), means.transport, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, parameters={"alert": words}), words


TO_ALL = Kind(
    provider="jpush",
    action="push",
    section=section,
    make=make,
    says=says,
    bad_message=Message(SERVICE, parameters={"alert": "长" * 2_000}),
    addresses=devices,
    stranger="x",
)
KINDS = {
    "jpush": TO_ALL,
    "jpush_personal": replace(TO_ALL, action="batch_regid_single", make=make_personal),
}
