"""FCM."""

import json
from dataclasses import replace
from functools import cache
from pathlib import Path

from activation.channels.fcm.channel import FcmChannel
from activation.channels.fcm.tokens import FcmAccount
from activation.channels.port import Channel, Message
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed


@cache
def key(secret: str) -> rsa.RSAPrivateKey:
    """A key for each secret, made once: it costs some hundredths of a second."""
    return rsa.generate_private_key(public_exponent=65_537, key_size=2_048)


def private(secret: str) -> str:
    return key(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def service_account(secret: str, url: str) -> str:
    """The file that the console gives out."""
    content = {
        "type": "service_account",
        "project_id": "shop",
        "client_email": "sender@shop.example",
        "private_key": private(secret),
        "private_key_id": "k1",
        "token_uri": f"{url}/token",
    }
    return json.dumps(content)


def tokens(count: int) -> list[str]:
    return [f"registration-{at}" for at in range(count)]


def section(_: str, folder: Path) -> dict[str, object]:
    public = key(SECRET).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    project = {"project_id": "shop", "client_email": "sender@shop.example", "public_key": public.decode()}
    known = [*tokens(MANY), "uninstalled", "of-another-sender"]
    return {
        "projects": [project],
        "devices": {"listed_file": listed(folder, "registrations.txt", known), "gone": ["uninstalled"]},
        "foreign": ["of-another-sender"],
    }


@cache
def account(secret: str) -> FcmAccount:
    """Read once: to check an RSA key costs a tenth of a second."""
    return FcmAccount.read(service_account(secret, ""))


def make(means: Means, secret: str, url: str) -> Channel:
    own = replace(account(secret), token_uri=f"{url}/token")
    return FcmChannel(own, means.transport, means.now, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, parameters={"alert": words, "title": "到店"}), words


KINDS = {
    "fcm": Kind(
        provider="fcm",
        action="messages:send",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, parameters={"alert": "您好", "google.x": "1"}),
        addresses=tokens,
        stranger="x",
    )
}
