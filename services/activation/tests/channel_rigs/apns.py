"""APNs."""

from functools import cache
from pathlib import Path

from activation.channels.apns.channel import ApnsChannel
from activation.channels.apns.tokens import ApnsAccount
from activation.channels.port import Channel, Message
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from channel_rigs.kind import MANY, SECRET, SERVICE, Kind, Means, listed

TOPIC = "example.shop"
GONE_SINCE_EPOCH_S = 1_780_000_000.0


@cache
def key(secret: str) -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def private(secret: str) -> str:
    return key(secret).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def tokens(count: int) -> list[str]:
    return [f"{at:064x}" for at in range(count)]


REMOVED, OF_ANOTHER_APP = "a" * 64, "b" * 64


def section(_: str, folder: Path) -> dict[str, object]:
    public = key(SECRET).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    known = [*tokens(MANY), REMOVED, OF_ANOTHER_APP]
    return {
        "keys": [{"team_id": "TEAM", "key_id": "KEY1", "public_key": public.decode(), "topics": [TOPIC]}],
        "devices": {"listed_file": listed(folder, "apple.txt", known), "gone": [REMOVED]},
        "gone_since_epoch_s": GONE_SINCE_EPOCH_S,
        "of_other_apps": [OF_ANOTHER_APP],
    }


def make(means: Means, secret: str, url: str) -> Channel:
    return ApnsChannel(ApnsAccount.read("TEAM", "KEY1", TOPIC, private(secret)), means.now, url)


def says(words: str) -> tuple[Message, str]:
    return Message(SERVICE, parameters={"alert": words, "title": "到店"}), words


KINDS = {
    "apns": Kind(
        provider="apns",
        action="device",
        section=section,
        make=make,
        says=says,
        bad_message=Message(SERVICE, parameters={"alert": "长" * 1_400}),
        addresses=tokens,
        stranger="f" * 64,
    )
}
