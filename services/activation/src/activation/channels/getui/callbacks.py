"""Receipts: one JSON object a line, each with a signature of its own."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime

from activation.channels import reading
from activation.channels.port import (
    CallbackForgedError,
    CallbackMalformedError,
    Receipt,
    ReceiptStatus,
)
from activation.channels.wire import Callback, CallbackAnswer

DELIVERED, NO_SUCH_USER = "200", "401"
_SIGNED = ("appid", "cid", "taskid", "msgid")
_TEXTS = (*_SIGNED, "code", "sign")
MAX_TIME_MS = 10**14
"""Beyond all calendars."""


def sign(entry: Mapping[str, object], master_secret: str) -> str:
    """MD5 over app, device, task and message id and the secret, joined without anything between."""
    text = "".join(str(entry[name]) for name in _SIGNED) + master_secret
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def authentic(callback: Callback, master_secret: str) -> list[Mapping[str, object]]:
    """The receipts of a callback, each proven. A line that cannot be read is passed over beside one that can.

    Raises CallbackForgedError when a signature is wrong, CallbackMalformedError when no line can be read.
    """
    lines = [line for line in callback.body.split(b"\n") if line.strip()]
    entries = [entry for entry in map(_entry, lines) if entry is not None]
    if lines and not entries:
        raise CallbackMalformedError("no line is a receipt: appid, cid, taskid, msgid, code, recvtime, sign")
    for entry in entries:
        if not hmac.compare_digest(str(entry["sign"]).encode(), sign(entry, master_secret).encode()):
            raise CallbackForgedError("the sign of a receipt is not that of the app")
    return entries


def receipts(entries: list[Mapping[str, object]]) -> tuple[Receipt, ...]:
    return tuple(_receipt(entry) for entry in entries)


def answer() -> CallbackAnswer:
    """Anything will do, an error too: Getui never sends again what was answered."""
    return CallbackAnswer(200, "text/plain", b"")


def _receipt(entry: Mapping[str, object]) -> Receipt:
    code = str(entry["code"])
    return Receipt(
        dedupe_key=hashlib.sha256(
            "\x1f".join(str(entry[name]) for name in (*_SIGNED, "code")).encode()
        ).hexdigest(),
        key="",
        message_id=str(entry["taskid"]),
        address=str(entry["cid"]),
        status=ReceiptStatus.DELIVERED if code == DELIVERED else ReceiptStatus.FAILED,
        code=code,
        at=datetime.fromtimestamp(int(str(entry["recvtime"])) / 1_000, UTC),
        unreachable=code == NO_SUCH_USER,
    )


def _entry(line: bytes) -> Mapping[str, object] | None:
    try:
        entry = reading.decoded(line)
    except CallbackMalformedError:
        return None
    if not isinstance(entry, dict) or not all(isinstance(entry.get(name), str) for name in _TEXTS):
        return None
    at_ms = entry.get("recvtime")
    return entry if type(at_ms) is int and 0 <= at_ms < MAX_TIME_MS else None
