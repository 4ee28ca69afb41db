"""MASSSENDJOBFINISH: what became of a mass message as a whole; WeChat never says whom it reached.

So a receipt is given only where the event is true of everybody, and it has no address: it is about each target.
"""

from activation.channels import reading
from activation.channels.port import Inbound, Receipt, ReceiptStatus
from activation.channels.wechat import events
from activation.channels.wire import Callback

FINISHED = "MASSSENDJOBFINISH"
SENT = frozenset({"sendsuccess", "send success"})


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """Delivered when it was sent to all, failed when it was sent to none; otherwise nothing can be said of anybody."""
    event = events.read(callback)
    if events.kind(event) != FINISHED:
        return ()
    msgid, status = events.text(event, "MsgID"), events.text(event, "Status")
    total, sent = _count(event.findtext("TotalCount")), _count(event.findtext("SentCount"))
    reached_all = status in SENT and total > 0 and sent >= total
    reached_none = status not in SENT
    if not reached_all and not reached_none:
        return ()
    receipt = Receipt(
        dedupe_key=reading.digest(FINISHED, msgid, status),
        key="",
        message_id=msgid,
        address="",
        status=ReceiptStatus.DELIVERED if reached_all else ReceiptStatus.FAILED,
        code="" if reached_all else status,
        at=events.moment(event),
    )
    return (receipt,)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    return events.departures(events.read(callback))


def _count(said: str | None) -> int:
    return int(said) if said and said.isascii() and said.isdecimal() and len(said) <= 12 else 0
