"""Mails that come back: delivery reports (RFC 3464) and complaints (RFC 5965), posted raw to the inbox of callbacks.

Nobody signs them, and anybody can write one. So a report is believed only as far as it names a delivery, by an id that
only its own recipient has seen; what names none would speak for whatever address it likes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.message import Message
from email.utils import getaddresses, parsedate_to_datetime
from itertools import islice

from activation.channels.port import CallbackMalformedError, Inbound, InboundKind, Receipt, ReceiptStatus
from activation.channels.reading import digest
from activation.channels.wire import Callback

MAX_BODY_BYTES = 1024 * 1024
MAX_PARTS = 100
UNREACHABLE = re.compile(r"5\.1\.(1|2|3|6|10)|5\.2\.1|5\.4\.4")
"""No such mailbox, no such domain, moved away, takes no mail at all, switched off."""
_VERP = re.compile(r"[^@\s<>+]{1,64}\+([A-Za-z0-9_-]{1,64})@")
_MESSAGE_ID = re.compile(r"<(([A-Za-z0-9_-]{1,64})@[^<>\s@]{1,255})>")
_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}")
_ACTIONS = {"failed": ReceiptStatus.FAILED, "delivered": ReceiptStatus.DELIVERED}
"""delayed, relayed and expanded say nothing that lasts."""
_COMPLAINTS = {"abuse", "fraud", "opt-out", "virus", "other"}


def receipts(callback: Callback, domain: str) -> tuple[Receipt, ...]:
    """What became of mails whose Message-ID ends with `domain`; empty for a mail that reports nothing of them."""
    report = _report(callback, "delivery-status")
    delivery = None if report is None else _delivery(report, domain)
    return () if report is None or delivery is None else tuple(_receipts(report, delivery))


def inbound(callback: Callback, domain: str) -> tuple[Inbound, ...]:
    """Complaints: who calls a mail spam wants no more of them."""
    report = _report(callback, "feedback-report")
    delivery = None if report is None else _delivery(report, domain)
    return () if report is None or delivery is None else tuple(_complaints(report, delivery))


@dataclass(frozen=True, slots=True)
class _Delivery:
    """Which mail a report is about."""

    message_id: str
    address: str = field(repr=False)
    """Empty when the report does not bring the mail back."""


def _receipts(report: Message, delivery: _Delivery) -> Iterator[Receipt]:
    """One for each recipient of whom the report says something that lasts."""
    for block in _fields(report, "message/delivery-status")[1:]:  # the first speaks of the mail as a whole
        status = _ACTIONS.get(_value(block, "Action").lower())
        address = delivery.address or _typed(block, "Original-Recipient") or _typed(block, "Final-Recipient")
        if status is None or not address:
            continue
        found = _CODE.search(_value(block, "Status"))
        code = found.group() if found else status.value
        yield Receipt(
            dedupe_key=digest("report", delivery.message_id, address, status.value),
            key="",
            message_id=delivery.message_id,
            address=address,
            status=status,
            code=code,
            at=_time(block, report),
            unreachable=status is ReceiptStatus.FAILED and UNREACHABLE.fullmatch(code) is not None,
        )


def _complaints(report: Message, delivery: _Delivery) -> Iterator[Inbound]:
    block = next(iter(_fields(report, "message/feedback-report")), report)
    address = delivery.address or _typed(block, "Original-Rcpt-To")
    if _value(block, "Feedback-Type").lower() not in _COMPLAINTS or not address:
        return
    yield Inbound(
        dedupe_key=digest("complaint", delivery.message_id, address),
        kind=InboundKind.OPT_OUT,
        address=address,
        at=_time(block, report),
        message_id=delivery.message_id,
    )


def _report(callback: Callback, kind: str) -> Message | None:
    """The mail, if it is a report of this kind. Raises CallbackMalformedError for one that is too long."""
    if len(callback.body) > MAX_BODY_BYTES:
        raise CallbackMalformedError(f"the mail is longer than {MAX_BODY_BYTES} bytes")
    try:
        mail = message_from_bytes(callback.body)
        wanted = str(mail.get_param("report-type", "")).lower() == kind
        return mail if wanted and mail.get_content_type() == "multipart/report" else None
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise CallbackMalformedError(f"the mail cannot be read: {type(error).__name__}") from error


def _fields(report: Message, kind: str) -> list[Message]:
    """The blocks of fields of the report's part of this type."""
    for part in islice(report.walk(), MAX_PARTS):
        if part.get_content_type() == kind and isinstance(part.get_payload(), list):
            return [each for each in part.get_payload() if isinstance(each, Message)]
    raise CallbackMalformedError(f"the report has no {kind}")


def _delivery(report: Message, domain: str) -> _Delivery | None:
    """By the header that the report brings back, else by the address that the report came to; None when neither names
    a mail."""
    for header in islice(_returned(report), 1):
        found = _MESSAGE_ID.search(_value(header, "Message-ID"))
        to = [address for _, address in getaddresses([_value(header, "To")])]
        if found is not None:
            return _Delivery(found.group(1), to[0] if len(to) == 1 else "")
    came_to = " ".join(_value(report, name) for name in ("To", "Delivered-To", "X-Original-To"))
    found = _VERP.search(came_to)
    return _Delivery(f"{found.group(1)}@{domain}", "") if found else None


def _returned(report: Message) -> Iterator[Message]:
    """The mail that is reported on, whole or its header alone."""
    for part in islice(report.walk(), MAX_PARTS):
        payload = part.get_payload()
        if part.get_content_type() == "message/rfc822" and isinstance(payload, list):
            yield from (each for each in payload if isinstance(each, Message))
        elif part.get_content_type() == "text/rfc822-headers" and isinstance(payload, str):
            yield message_from_string(payload)


def _value(fields: Message, name: str) -> str:
    return str(fields.get(name, "")).strip()


def _typed(fields: Message, name: str) -> str:
    """An address that may stand behind its type, as rfc822;somebody@example.com."""
    return _value(fields, name).rpartition(";")[2].strip().strip("<>")


def _time(block: Message, report: Message) -> datetime:
    """When it became so, else when it was reported."""
    stated = (
        _value(fields, name)
        for fields, name in (
            (block, "Last-Attempt-Date"),
            (block, "Arrival-Date"),
            (block, "Received-Date"),
            (report, "Date"),
        )
    )
    for text in filter(None, stated):
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError, IndexError):
            continue
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    raise CallbackMalformedError("the report has no time")
