"""The signature of Standard Webhooks: v1 (HMAC-SHA256) and v1a (Ed25519) over `id.timestamp.body`."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SECRET, PRIVATE_KEY = "whsec_", "whsk_"
MIN_SECRET_BYTES, MAX_SECRET_BYTES = 24, 64
SEED_BYTES = 32
"""Of a private key; its public half may follow."""
Signer = Callable[[bytes], str]
"""The signature of a text with its version in front."""


def read_signers(keys: str) -> tuple[Signer, ...]:
    """One signer for each key, in order. `keys` are parted by spaces, two of them while one replaces the other:
    whsec_ and the base64 of 24 to 64 bytes signs v1, whsk_ and that of an Ed25519 key v1a. Raises ValueError, which
    shows no key."""
    signers = tuple(_signer(place, key) for place, key in enumerate(keys.split(), 1))
    if not signers:
        raise ValueError("secret: no key is given")
    return signers


def signed_headers(
    signers: Sequence[Signer], message_id: str, timestamp_s: int, body: bytes
) -> dict[str, str]:
    """webhook-id, webhook-timestamp and webhook-signature with one signature for each signer."""
    text = f"{message_id}.{timestamp_s}.".encode() + body
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp_s),
        "webhook-signature": " ".join(sign(text) for sign in signers),
    }


def _signer(place: int, key: str) -> Signer:
    prefix = next((each for each in (SECRET, PRIVATE_KEY) if key.startswith(each)), None)
    if prefix is None:
        raise ValueError(f"secret: key {place} starts neither with {SECRET} nor with {PRIVATE_KEY}")
    try:
        secret = base64.b64decode(key.removeprefix(prefix), validate=True)
    except binascii.Error:
        raise ValueError(f"secret: key {place} is not base64 after {prefix}") from None
    if prefix == SECRET:
        if not MIN_SECRET_BYTES <= len(secret) <= MAX_SECRET_BYTES:
            raise ValueError(f"secret: key {place} holds not {MIN_SECRET_BYTES} to {MAX_SECRET_BYTES} bytes")
        return lambda text: "v1," + _text(hmac.digest(secret, text, hashlib.sha256))
    if len(secret) not in (SEED_BYTES, 2 * SEED_BYTES):
        raise ValueError(f"secret: key {place} holds not {SEED_BYTES} bytes, nor as many and the public half")
    private = Ed25519PrivateKey.from_private_bytes(secret[:SEED_BYTES])
    return lambda text: "v1a," + _text(private.sign(text))


def _text(signature: bytes) -> str:
    return base64.b64encode(signature).decode()
