"""Reports and replies: JSON without a signature; the secret path and the IP list protect them."""

from datetime import UTC, datetime

from activation.channels import reading, sms
from activation.channels.port import CallbackMalformedError, Inbound, InboundKind, Receipt, ReceiptStatus
from activation.channels.wire import Callback, CallbackAnswer

ANSWER = CallbackAnswer(200, "application/json", b'{"result":0,"errmsg":"OK"}')
UNREACHABLE = frozenset({"MK:0001", "CB:0001", "CB:0053", "DB:0101"})
"""Carriers' codes for a number that does not exist. What may pass (switched off, no money) is none of them."""


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """Entries of a status report; they name the message by its SerialNo and carry no key of ours."""
    return tuple(_receipt(entry) for entry in reading.entries(callback) if "sid" in entry)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """A reply comes alone, as an object."""
    return tuple(
        _inbound(entry) for entry in reading.entries(callback) if "text" in entry and "sid" not in entry
    )


def _receipt(entry: reading.Entry) -> Receipt:
    serial, code = reading.text(entry, "sid"), reading.text(entry, "errmsg")
    delivered = reading.text(entry, "report_status") == "SUCCESS"
    return Receipt(
        dedupe_key=reading.digest("report", serial, "delivered" if delivered else "failed"),
        key="",
        message_id=serial,
        address=_address(entry),
        status=ReceiptStatus.DELIVERED if delivered else ReceiptStatus.FAILED,
        code=code,
        at=sms.china_time(reading.text(entry, "user_receive_time")),
        unreachable=not delivered and code in UNREACHABLE,
    )


def _inbound(entry: reading.Entry) -> Inbound:
    words, address, at = reading.text(entry, "text"), _address(entry), _moment(entry.get("time"))
    return Inbound(
        dedupe_key=reading.digest("reply", address, str(at.timestamp()), words),
        kind=InboundKind.OPT_OUT if sms.refuses(words) else InboundKind.REPLY,
        address=address,
        at=at,
    )


def _address(entry: reading.Entry) -> str:
    return f"+{reading.text(entry, 'nationcode').lstrip('+')}{reading.text(entry, 'mobile')}"


def _moment(value: object) -> datetime:
    if type(value) is not int:
        raise CallbackMalformedError("the time of a reply is not in whole seconds")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, ValueError, OSError) as error:
        raise CallbackMalformedError("the time of a reply is beyond all calendars") from error
