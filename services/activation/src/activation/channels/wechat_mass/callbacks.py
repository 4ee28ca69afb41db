"""MASSSENDJOBFINISH says how many a mass message reached, never whom; so nothing is told of anybody but who leaves."""

from activation.channels.port import Inbound
from activation.channels.wechat import events
from activation.channels.wire import Callback


def inbound(callback: Callback) -> tuple[Inbound, ...]:
    return events.departures(events.read(callback))
