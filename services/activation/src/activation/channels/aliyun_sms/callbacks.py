"""SmsReport and SmsUp: JSON arrays without a signature; the secret path and the IP list protect them."""

from activation.channels import reading, sms
from activation.channels.port import Inbound, InboundKind, Receipt, ReceiptStatus
from activation.channels.wire import Callback, CallbackAnswer

ANSWER = CallbackAnswer(200, "application/json", '{"code":0,"msg":"接收成功"}'.encode())
UNREACHABLE = frozenset(
    {"MOBILE_NOT_ON_SERVICE", "IS_CLOSED", "INVALID_NUMBER", "IN_BLACK_LIST", "USER_REJECT"}
)
"""Status codes after which a number is not worth another message."""


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """Entries of SmsReport."""
    return tuple(_receipt(entry) for entry in reading.entries(callback) if "biz_id" in entry)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """Entries of SmsUp."""
    return tuple(
        _inbound(entry) for entry in reading.entries(callback) if "content" in entry and "biz_id" not in entry
    )


def _receipt(entry: reading.Entry) -> Receipt:
    phone, biz_id, code = (
        reading.text(entry, "phone_number"),
        reading.text(entry, "biz_id"),
        reading.text(entry, "err_code"),
    )
    delivered = entry.get("success") is True
    return Receipt(
        dedupe_key=reading.digest("report", biz_id, phone, "delivered" if delivered else "failed"),
        key=str(entry.get("out_id") or ""),
        message_id=biz_id,
        address=sms.e164(phone),
        status=ReceiptStatus.DELIVERED if delivered else ReceiptStatus.FAILED,
        code=code,
        at=sms.china_time(reading.text(entry, "report_time")),
        unreachable=not delivered and code in UNREACHABLE,
    )


def _inbound(entry: reading.Entry) -> Inbound:
    phone, content = reading.text(entry, "phone_number"), reading.text(entry, "content")
    at = sms.china_time(reading.text(entry, "send_time"))
    number = str(entry.get("sequence_id") or at.isoformat())
    return Inbound(
        dedupe_key=reading.digest("up", number, phone, content),
        kind=InboundKind.OPT_OUT if sms.refuses(content) else InboundKind.REPLY,
        address=sms.e164(phone),
        at=at,
    )
