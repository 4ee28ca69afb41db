"""Events of an official account in plain mode: XML, signed in the query.

WeChat pushes all events of an account to one URL, so each channel reads what is its own and passes over the rest.
"""

import hashlib
import hmac
import re
from datetime import UTC, datetime
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element, ParseError, fromstring

from activation.channels import reading
from activation.channels.port import CallbackForgedError, CallbackMalformedError, Inbound, InboundKind
from activation.channels.wire import Callback, CallbackAnswer

UNSUBSCRIBED = "unsubscribe"
MAX_BODY_BYTES = 64 * 1024
_SAID = re.compile(rb"<!\[CDATA\[.*?\]\]>", re.DOTALL)


def authenticate(callback: Callback, token: str) -> dict[str, str]:
    """The query of a callback signed with `token`, or CallbackForgedError."""
    query = {name: values[-1] for name, values in parse_qs(callback.raw_query).items()}
    parts = sorted((token, query.get("timestamp", ""), query.get("nonce", "")))
    expected = hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()
    if not hmac.compare_digest(expected.encode(), query.get("signature", "").encode()):
        raise CallbackForgedError("the signature of the query is not ours")
    return query


def answer(callback: Callback, query: dict[str, str]) -> CallbackAnswer:
    """`success`, or the echostr of the probe that WeChat sends when the URL is set."""
    said = query.get("echostr", "") if callback.method == "GET" else "success"
    return CallbackAnswer(200, "text/plain", said.encode())


def read(callback: Callback) -> Element:
    """The XML of a callback. Entity declarations are refused unread: they have no place here and can be bombs."""
    if len(callback.body) > MAX_BODY_BYTES or b"<!" in _SAID.sub(b"", callback.body):
        raise CallbackMalformedError("the body is too long or declares entities")
    try:
        return fromstring(callback.body)  # noqa: S314 - bounded and without declarations
    except ParseError as error:
        raise CallbackMalformedError("the body is not XML") from error


def text(event: Element, name: str) -> str:
    """A field that must be there. Raises CallbackMalformedError."""
    said = event.findtext(name)
    if said is None:
        raise CallbackMalformedError(f"the event has no {name}")
    return said


def kind(event: Element) -> str:
    """The Event of an event; of what a person wrote, its MsgType."""
    message_type = event.findtext("MsgType", "event")
    return text(event, "Event") if message_type == "event" else message_type


def moment(event: Element) -> datetime:
    """CreateTime, aware. Raises CallbackMalformedError."""
    said = text(event, "CreateTime")
    if not (said.isascii() and said.isdecimal()):
        raise CallbackMalformedError("CreateTime is not in seconds")
    try:
        return datetime.fromtimestamp(int(said), UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise CallbackMalformedError("CreateTime is beyond all calendars") from error


def departures(event: Element) -> tuple[Inbound, ...]:
    """Leaving the account is an opt-out."""
    if kind(event) != UNSUBSCRIBED:
        return ()
    address, at = text(event, "FromUserName"), moment(event)
    digest = reading.digest(UNSUBSCRIBED, address, str(at.timestamp()))
    return (Inbound(dedupe_key=digest, kind=InboundKind.OPT_OUT, address=address, at=at),)
