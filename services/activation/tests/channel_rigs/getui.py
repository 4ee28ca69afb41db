"""Getui."""

from pathlib import Path

from activation.channels.getui.channel import GetuiChannel
from activation.channels.getui.tokens import GetuiAccount
from activation.channels.port import Channel, Message

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed

ASLEEP = "asleep"
"""A client that was silent for 90 days."""


def clients(count: int) -> list[str]:
    return [f"client-{at}" for at in range(count)]


def section(receipts_url: str, folder: Path) -> dict[str, object]:
    app = {"app_id": "gt", "app_key": "gk", "master_secret": SECRET, "receipts_url": receipts_url}
    devices = {"listed_file": listed(folder, "clients.txt", [*clients(MANY), ASLEEP])}
    return {"apps": [app], "devices": devices, "inactive": [ASLEEP]}


def make(means: Means, secret: str, url: str) -> Channel:
    return GetuiChannel(GetuiAccount("gt", "gk", secret), means.transport, means.now, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, parameters={"title": "到店", "alert": words}), words


KINDS = {
    "getui": Kind(
        provider="getui",
        action="push_single",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, parameters={"title": "到店", "alert": "长" * 257}),
        addresses=clients,
        stranger="x",
        tells_acts=False,
    )
}
