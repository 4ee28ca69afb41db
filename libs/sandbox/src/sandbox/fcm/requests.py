"""What a message asks for, checked for form."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from sandbox.fcm.answers import refuse_field, refuse_message
from sandbox.provider import Call

MAX_BYTES = 4_096
RESERVED = re.compile(r"from|message_type|gcm.*|google.*")
_TTL = re.compile(r"\d{1,7}(\.\d{1,9})?s")
MAX_TTL_S = 28 * 86_400


@dataclass(frozen=True, slots=True)
class Content:
    token: str
    text: str
    tag: str
    """On Android a notification takes the place of one with the same tag, on Apple devices of one with the same
    collapse id; empty when nothing is replaced."""


def read_message(call: Call) -> Content:
    """Check target, notification, data, sizes."""
    try:
        asked = json.loads(call.body)
    except ValueError:
        raise refuse_field("", "Invalid JSON payload received.") from None
    message = asked.get("message") if isinstance(asked, dict) else None
    if not isinstance(message, dict):
        raise refuse_field("message", "must be an object")
    token = message.get("token")
    if not isinstance(token, str) or not token:
        raise refuse_message("INVALID_ARGUMENT", "Recipient of the message is not set.")
    notification = _part(message, "notification", "message")
    text = notification.get("body", "")
    if not isinstance(text, str):
        raise refuse_field("message.notification.body", "TYPE_STRING")
    data = _part(message, "data", "message")
    _check_data(data)
    if len(_bytes(notification)) + len(_bytes(data)) > MAX_BYTES:
        raise refuse_field("message", f"Android message is too big: at most {MAX_BYTES} bytes")
    return Content(token, text, _tag(message))


def _part(whole: Mapping[str, object], name: str, path: str) -> dict[str, object]:
    part = whole.get(name, {})
    if not isinstance(part, dict):
        raise refuse_field(f"{path}.{name}", "must be an object")
    return part


def _check_data(data: Mapping[str, object]) -> None:
    for place, (name, value) in enumerate(data.items()):
        if not isinstance(value, str):
            raise refuse_field(f"message.data[{place}].value", "TYPE_STRING")
        if RESERVED.fullmatch(name):
            raise refuse_field(f"message.data[{place}].key", f"Invalid data payload key: {name}")


def _tag(message: Mapping[str, object]) -> str:
    android = _part(message, "android", "message")
    ttl = android.get("ttl", "0s")
    if not isinstance(ttl, str) or not _TTL.fullmatch(ttl) or float(ttl[:-1]) > MAX_TTL_S:
        raise refuse_field("message.android.ttl", "must be a duration of at most 28 days")
    tag = _part(android, "notification", "message.android").get("tag", "")
    headers = _part(_part(message, "apns", "message"), "headers", "message.apns")
    collapse_id = headers.get("apns-collapse-id", "")
    for name, value in (("android.notification.tag", tag), ("apns.headers.apns-collapse-id", collapse_id)):
        if not isinstance(value, str) or len(value.encode()) > 64:
            raise refuse_field(f"message.{name}", "must be text of at most 64 bytes")
    return str(tag) if tag == collapse_id else ""


def _bytes(part: Mapping[str, object]) -> bytes:
    return json.dumps(part, ensure_ascii=False, separators=(",", ":")).encode() if part else b""
