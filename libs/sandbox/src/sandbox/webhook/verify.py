"""The signature of Standard Webhooks, recomputed from the raw body."""

import base64
import binascii
import hashlib
import hmac

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from sandbox.provider import Call, Refusal, Reply
from sandbox.webhook.settings import WebhookSettings

SKEW_S = 300.0
MAX_ID_CHARS, MAX_TIME_DIGITS = 256, 12


def refuse(status: int, message: str) -> Refusal:
    return Refusal(Reply.json(status, {"error": message}))


def verify(call: Call, settings: WebhookSettings, now_epoch_s: float) -> str:
    """The webhook-id of a call that is signed and new enough, or a refusal with 401."""
    message_id = call.headers.get("webhook-id", "")
    timestamp = call.headers.get("webhook-timestamp", "")
    if not 1 <= len(message_id) <= MAX_ID_CHARS or "." in message_id:
        raise refuse(401, "webhook-id is missing, too long or holds a dot")
    if not (timestamp.isascii() and timestamp.isdecimal() and len(timestamp) <= MAX_TIME_DIGITS):
        raise refuse(401, "webhook-timestamp is not in seconds")
    if abs(int(timestamp) - now_epoch_s) > SKEW_S:
        raise refuse(401, "webhook-timestamp is too far from now")
    text = f"{message_id}.{timestamp}.".encode() + call.body
    given = [each.partition(",") for each in call.headers.get("webhook-signature", "").split(" ")]
    if not any(_holds(version, signature, text, settings) for version, _, signature in given):
        raise refuse(401, "no signature in webhook-signature is ours")
    return message_id


def _holds(version: str, signature: str, text: bytes, settings: WebhookSettings) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    if version == "v1":
        digests = (hmac.digest(_bytes(each, "whsec_"), text, hashlib.sha256) for each in settings.secrets)
        return any(hmac.compare_digest(each, raw) for each in digests)
    return version == "v1a" and any(_signed(each, raw, text) for each in settings.public_keys)


def _signed(key: str, signature: bytes, text: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(_bytes(key, "whpk_")).verify(signature, text)
    except InvalidSignature:
        return False
    return True


def _bytes(key: str, prefix: str) -> bytes:
    return base64.b64decode(key.removeprefix(prefix))
