"""The callback of paying customers: JSON arrays, authorised like a call of the API."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import parse_qs

from activation.channels import reading
from activation.channels.port import (
    CallbackForgedError,
    CallbackMalformedError,
    Inbound,
    InboundKind,
    Receipt,
    ReceiptStatus,
)
from activation.channels.wire import Callback, CallbackAnswer

TARGET_INVALID, NOT_SUBMITTED, DELIVERED, NOT_DELIVERED, CLICKED = 1, 3, 4, 5, 6
_NAMES = {
    TARGET_INVALID: "target_invalid",
    NOT_SUBMITTED: "not_submitted",
    DELIVERED: "delivered",
    NOT_DELIVERED: "not_delivered",
    CLICKED: "clicked",
}


def authenticate(callback: Callback, authorization: str) -> None:
    """Raise CallbackForgedError unless the callback carries our own authorisation."""
    given = callback.headers.get("authorization", "")
    if not hmac.compare_digest(given.encode(), authorization.encode()):
        raise CallbackForgedError("the Authorization header is not that of the app")


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """Entries that say whether a push arrived."""
    entries = _entries(callback)
    return tuple(_receipt(entry) for entry in entries if entry["type"] in _NAMES and entry["type"] != CLICKED)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """Entries that say that somebody tapped."""
    return tuple(_click(entry) for entry in _entries(callback) if entry["type"] == CLICKED)


def answer(callback: Callback) -> CallbackAnswer:
    """Any 200 will do; the probe wants its echostr back."""
    text = parse_qs(callback.raw_query).get("echostr", [""])[-1] if callback.method == "GET" else ""
    return CallbackAnswer(200, "text/plain", text.encode())


def _receipt(entry: Mapping[str, object]) -> Receipt:
    kind = int(str(entry["type"]))
    return Receipt(
        dedupe_key=_digest(entry),
        key="",
        message_id=str(entry["msgid"]),
        address=str(entry["registration_id"]),
        status=ReceiptStatus.DELIVERED if kind == DELIVERED else ReceiptStatus.FAILED,
        code=_NAMES[kind],
        at=_time(entry),
        unreachable=kind == TARGET_INVALID,
    )


def _click(entry: Mapping[str, object]) -> Inbound:
    return Inbound(
        dedupe_key=_digest(entry),
        kind=InboundKind.CLICK,
        address=str(entry["registration_id"]),
        at=_time(entry),
        message_id=str(entry["msgid"]),
    )


def _entries(callback: Callback) -> list[Mapping[str, object]]:
    content = reading.decoded(callback.body) if callback.body else []
    if not isinstance(content, list):
        raise CallbackMalformedError("the body is not a JSON array")
    for entry in content:
        if not isinstance(entry, dict) or not {"type", "msgid", "registration_id", "time"} <= entry.keys():
            raise CallbackMalformedError("an entry lacks type, msgid, registration_id or time")
        if type(entry["type"]) is not int or type(entry["time"]) is not int:
            raise CallbackMalformedError("type and time of an entry must be whole numbers")
    return content


def _time(entry: Mapping[str, object]) -> datetime:
    try:
        return datetime.fromtimestamp(int(str(entry["time"])) / 1000, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise CallbackMalformedError("the time of an entry is beyond all calendars") from error


def _digest(entry: Mapping[str, object]) -> str:
    parts = (str(entry[name]) for name in ("msgid", "registration_id", "type"))
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
