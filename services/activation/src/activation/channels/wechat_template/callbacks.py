"""TEMPLATESENDJOBFINISH: the end of a sending, named by the msgid of its answer."""

from activation.channels import reading
from activation.channels.port import Inbound, Receipt, ReceiptStatus
from activation.channels.wechat import events
from activation.channels.wire import Callback

FINISHED = "TEMPLATESENDJOBFINISH"
DELIVERED = "success"
BLOCKED = "failed:user block"


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """An event carries one."""
    event = events.read(callback)
    if events.kind(event) != FINISHED:
        return ()
    msgid, status = events.text(event, "MsgID"), events.text(event, "Status")
    receipt = Receipt(
        dedupe_key=reading.digest(FINISHED, msgid, status),
        key="",
        message_id=msgid,
        address=events.text(event, "FromUserName"),
        status=ReceiptStatus.DELIVERED if status == DELIVERED else ReceiptStatus.FAILED,
        code=status,
        at=events.moment(event),
        unreachable=status.replace(" ", "") == BLOCKED.replace(" ", ""),
    )
    return (receipt,)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    return events.departures(events.read(callback))
