"""SmsReport and SmsUp: JSON arrays without a signature; the secret path and the IP list protect them."""

import hashlib
import json
import re
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from activation.channels.port import CallbackMalformedError, Inbound, InboundKind, Receipt, ReceiptStatus
from activation.channels.wire import Callback, CallbackAnswer

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")
ANSWER = CallbackAnswer(200, "application/json", '{"code":0,"msg":"接收成功"}'.encode())
UNREACHABLE = frozenset(
    {"MOBILE_NOT_ON_SERVICE", "IS_CLOSED", "INVALID_NUMBER", "IN_BLACK_LIST", "USER_REJECT"}
)
"""Status codes after which a number is not worth another message."""
_OPT_OUT = re.compile(r"(R|T|TD|N|0000|退订|拒收)", re.IGNORECASE)


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """Entries of SmsReport."""
    return tuple(_receipt(entry) for entry in _entries(callback) if "biz_id" in entry)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """Entries of SmsUp."""
    return tuple(
        _inbound(entry) for entry in _entries(callback) if "content" in entry and "biz_id" not in entry
    )


def _receipt(entry: Mapping[str, object]) -> Receipt:
    phone, biz_id, code = _text(entry, "phone_number"), _text(entry, "biz_id"), _text(entry, "err_code")
    delivered = entry.get("success") is True
    return Receipt(
        dedupe_key=_digest("report", biz_id, phone, "delivered" if delivered else "failed"),
        key=str(entry.get("out_id") or ""),
        message_id=biz_id,
        address=e164(phone),
        status=ReceiptStatus.DELIVERED if delivered else ReceiptStatus.FAILED,
        code=code,
        at=_time(entry, "report_time"),
        unreachable=not delivered and code in UNREACHABLE,
    )


def _inbound(entry: Mapping[str, object]) -> Inbound:
    phone, content = _text(entry, "phone_number"), _text(entry, "content")
    at = _time(entry, "send_time")
    number = str(entry.get("sequence_id") or at.isoformat())
    return Inbound(
        dedupe_key=_digest("up", number, phone, content),
        kind=InboundKind.OPT_OUT if _OPT_OUT.fullmatch(content.strip()) else InboundKind.REPLY,
        address=e164(phone),
        at=at,
    )


def e164(phone: str) -> str:
    """Mainland numbers come with or without 86."""
    digits = phone.lstrip("+")
    return f"+{digits}" if digits.startswith("86") and len(digits) == 13 else f"+86{digits}"


def _entries(callback: Callback) -> list[Mapping[str, object]]:
    try:
        content = json.loads(callback.body)
    except ValueError as error:
        raise CallbackMalformedError("the body is not JSON") from error
    if not isinstance(content, list) or not all(isinstance(entry, dict) for entry in content):
        raise CallbackMalformedError("the body is not a JSON array of objects")
    return content


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    if not isinstance(value, str):
        raise CallbackMalformedError(f"an entry has no text {name}")
    return value


def _time(entry: Mapping[str, object], name: str) -> datetime:
    try:
        return datetime.strptime(_text(entry, name), "%Y-%m-%d %H:%M:%S").replace(tzinfo=CHINA)
    except ValueError as error:
        raise CallbackMalformedError(f"{name} is not like 2026-01-31 08:00:00") from error


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
