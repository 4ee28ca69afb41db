"""What people allow and refuse template by template, and what became of a notice.

The answer to a sending names no message, so a receipt has neither key nor id: it is about the latest to its address.
"""

from collections.abc import Iterator
from xml.etree.ElementTree import Element

from activation.channels import reading
from activation.channels.port import Inbound, InboundKind, Receipt, ReceiptStatus
from activation.channels.wechat import events
from activation.channels.wire import Callback

ASKED, CHANGED, SENT = "subscribe_msg_popup_event", "subscribe_msg_change_event", "subscribe_msg_sent_event"
ACCEPTED, REFUSED = "accept", "reject"
ARRIVED = "0"


def receipts(callback: Callback) -> tuple[Receipt, ...]:
    """One for each notice that an event tells about."""
    event = events.read(callback)
    if events.kind(event) != SENT:
        return ()
    address, at = events.text(event, "FromUserName"), events.moment(event)
    found = []
    for entry in _entries(event):
        msgid, code = events.text(entry, "MsgID"), events.text(entry, "ErrorCode")
        found.append(
            Receipt(
                dedupe_key=reading.digest(SENT, msgid, code),
                key="",
                message_id="",
                address=address,
                status=ReceiptStatus.DELIVERED if code == ARRIVED else ReceiptStatus.FAILED,
                code="" if code == ARRIVED else code,
                at=at,
            )
        )
    return tuple(found)


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """Each acceptance is a grant for one notice; a refusal in the settings ends all grants of its template."""
    event = events.read(callback)
    name = events.kind(event)
    if name not in (ASKED, CHANGED):
        return events.departures(event)
    address, at = events.text(event, "FromUserName"), events.moment(event)
    found = []
    for place, entry in enumerate(_entries(event)):
        template, said = events.text(entry, "TemplateId"), events.text(entry, "SubscribeStatusString")
        if (name, said) not in ((ASKED, ACCEPTED), (CHANGED, REFUSED)):
            continue
        found.append(
            Inbound(
                dedupe_key=reading.digest(name, address, str(at.timestamp()), template, said, str(place)),
                kind=InboundKind.GRANT if name == ASKED else InboundKind.GRANTS_ENDED,
                address=address,
                at=at,
                template_id=template,
                grants=1 if name == ASKED else 0,
            )
        )
    return tuple(found)


def _entries(event: Element) -> Iterator[Element]:
    return event.iter("List")
