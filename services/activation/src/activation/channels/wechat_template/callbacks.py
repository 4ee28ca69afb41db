"""Events of an official account in plain mode: XML, signed in the query."""

import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element, ParseError, fromstring

from activation.channels.port import (
    CallbackForgedError,
    CallbackMalformedError,
    Inbound,
    InboundKind,
    Receipt,
    ReceiptStatus,
)
from activation.channels.wire import Callback, CallbackAnswer

FINISHED, UNSUBSCRIBED = "TEMPLATESENDJOBFINISH", "unsubscribe"
DELIVERED = "success"
BLOCKED = "failed:user block"
MAX_BODY_BYTES = 64 * 1024


def authenticate(callback: Callback, token: str) -> dict[str, str]:
    """The query of a callback signed with `token`, or CallbackForgedError."""
    query = {name: values[-1] for name, values in parse_qs(callback.raw_query).items()}
    parts = sorted((token, query.get("timestamp", ""), query.get("nonce", "")))
    expected = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
        raise CallbackForgedError("the signature of the query is not ours")
    return query


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """The end of a sending; an event carries one."""
    event = _event(callback)
    if _text(event, "Event") != FINISHED:
        return ()
    msgid, status = _text(event, "MsgID"), _text(event, "Status")
    receipt = Receipt(
        dedupe_key=_digest(FINISHED, msgid, status),
        key="",
        message_id=msgid,
        address=_text(event, "FromUserName"),
        status=ReceiptStatus.DELIVERED if status == DELIVERED else ReceiptStatus.FAILED,
        code=status,
        at=_time(event),
        unreachable=status.replace(" ", "") == BLOCKED.replace(" ", ""),
    )
    return (receipt,)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """Leaving the account is an opt-out."""
    event = _event(callback)
    if _text(event, "Event") != UNSUBSCRIBED:
        return ()
    address, at = _text(event, "FromUserName"), _time(event)
    digest = _digest(UNSUBSCRIBED, address, str(at.timestamp()))
    return (Inbound(dedupe_key=digest, kind=InboundKind.OPT_OUT, address=address, at=at),)


def answer(callback: Callback, query: dict[str, str]) -> CallbackAnswer:
    """`success`, or the echostr of the probe that WeChat sends when the URL is set."""
    text = query.get("echostr", "") if callback.method == "GET" else "success"
    return CallbackAnswer(200, "text/plain", text.encode())


def _event(callback: Callback) -> Element:
    """The XML of a callback. Entity declarations are refused unread: they have no place here and can be bombs."""
    if len(callback.body) > MAX_BODY_BYTES or b"<!" in callback.body.replace(b"<![CDATA[", b""):
        raise CallbackMalformedError("the body is too long or declares entities")
    try:
        return fromstring(callback.body)  # noqa: S314 - bounded and without declarations
    except ParseError as error:
        raise CallbackMalformedError("the body is not XML") from error


def _text(event: Element, name: str) -> str:
    text = event.findtext(name)
    if text is None:
        raise CallbackMalformedError(f"the event has no {name}")
    return text


def _time(event: Element) -> datetime:
    text = _text(event, "CreateTime")
    if not text.isdecimal():
        raise CallbackMalformedError("CreateTime is not in seconds")
    try:
        return datetime.fromtimestamp(int(text), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise CallbackMalformedError("CreateTime is beyond all calendars") from error


def _digest(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()
