"""A webhook, signed with a shared secret and with a private key."""

import base64
import hashlib
import json
from pathlib import Path

from activation.channels.port import Channel, Message
from activation.channels.webhook.channel import WebhookAccount, WebhookChannel
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed

LOOPBACK = "127.0.0.0/8"


def people(count: int) -> list[str]:
    return [f"person-{at}" for at in range(count)]


def shared(secret: str) -> str:
    """A whsec_ key made from a secret."""
    return "whsec_" + base64.b64encode(hashlib.sha256(secret.encode()).digest()).decode()


def private(secret: str) -> str:
    """A whsk_ key made from a secret."""
    return shared(secret).replace("whsec_", "whsk_")


def public(secret: str) -> str:
    """The whpk_ half of `private`."""
    key = Ed25519PrivateKey.from_private_bytes(hashlib.sha256(secret.encode()).digest())
    return "whpk_" + base64.b64encode(key.public_key().public_bytes_raw()).decode()


def section(_: str, folder: Path) -> dict[str, object]:
    return {
        "secrets": [shared(SECRET)],
        "public_keys": [public(SECRET)],
        "templates": ["T1"],
        "people": {"listed_file": listed(folder, "people.txt", people(MANY))},
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return WebhookChannel(WebhookAccount("push", shared(secret), LOOPBACK), means.now, url)


def says(words: str) -> tuple[Message, str]:
    parameters = {"thing": words}
    return Message(SERVICE, "T1", parameters=parameters), json.dumps(parameters, ensure_ascii=False)


KINDS = {
    "webhook": Kind(
        provider="webhook",
        action="message.send",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, "T9", parameters={"thing": "包裹"}),
        addresses=people,
        stranger="x",
    )
}
