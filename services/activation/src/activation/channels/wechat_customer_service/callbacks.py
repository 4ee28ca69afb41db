"""What people do that lets the account answer them: writing, tapping the menu, following, scanning.

What each allows stands in https://developers.weixin.qq.com/doc/service/api/customer/message/api_sendcustommessage
"""

from datetime import timedelta
from xml.etree.ElementTree import Element

from activation.channels import reading, sms
from activation.channels.port import Inbound, InboundKind
from activation.channels.wechat import events
from activation.channels.wire import Callback

WRITING = frozenset({"text", "image", "voice", "video", "shortvideo", "location", "link"})
"""MsgTypes of what a person writes."""
AFTER_WRITING = (5, timedelta(hours=48))
AFTER_TAPPING = (3, timedelta(minutes=1))
TAPPING = frozenset({"CLICK", "scancode_push", "scancode_waitmsg", "subscribe", "SCAN"})
"""Events of the menu, of following and of scanning."""


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    """A grant with an end, after what was written; words of refusal are an opt-out."""
    event = events.read(callback)
    name = events.kind(event)
    if name not in WRITING | TAPPING:
        return events.departures(event)
    address, at = events.text(event, "FromUserName"), events.moment(event)
    grants, lasting = AFTER_WRITING if name in WRITING else AFTER_TAPPING
    number = event.findtext("MsgId", "") or str(at.timestamp())
    grant = Inbound(
        dedupe_key=reading.digest("grant", name, address, number),
        kind=InboundKind.GRANT,
        address=address,
        at=at,
        grants=grants,
        ends_at=at + lasting,
    )
    return (*_written(event, name, address, number), grant)


def _written(event: Element, name: str, address: str, number: str) -> tuple[Inbound, ...]:
    if name not in WRITING:
        return ()
    refused = sms.refuses(event.findtext("Content", ""))
    return (
        Inbound(
            dedupe_key=reading.digest("written", address, number),
            kind=InboundKind.OPT_OUT if refused else InboundKind.REPLY,
            address=address,
            at=events.moment(event),
        ),
    )
