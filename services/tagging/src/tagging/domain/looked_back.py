"""How far back questions look at events."""

import datetime as dt
from collections.abc import Iterable

from rules import tree as t
from rules.errors import UnsupportedNode
from rules.evaluate.setting import Setting
from rules.schema import Schema
from rules.walk import walk
from rules.windows import interval


def earliest(questions: Iterable[t.Node], setting: Setting) -> dict[str, dt.datetime]:
    """By event type the first moment that any question looks at, now or later: windows only move on. A type that any
    question looks at without a bound, or none at all, is left out."""
    found: dict[str, dt.datetime] = {}
    unbounded: set[str] = set()
    for question in questions:
        for node in walk(question):
            if not isinstance(node, t.Aggregate | t.Sequence):
                continue
            start = _start(node.window, setting)
            for event in looked_at(node, setting.schema):
                if start is None:
                    unbounded.add(event)
                else:
                    found[event] = min(start, found.get(event, start))
    return {event: start for event, start in found.items() if event not in unbounded}


def _start(window: t.Window, setting: Setting) -> dt.datetime | None:
    try:
        return interval(window, setting.as_of, setting.calendar).start
    except (UnsupportedNode, ValueError):
        return None


def looked_at(node: t.Aggregate | t.Sequence, net_by: Schema | None = None) -> frozenset[str]:
    """The event types that it looks at in its window; with what NET takes back, when a schema says by which that is."""
    if isinstance(node, t.Sequence):
        return frozenset(each.event for each in walk(node) if isinstance(each, t.EventFilter))
    type_ = net_by.event(node.event) if net_by is not None and node.net else None
    return frozenset((node.event, *(type_.reversed_by if type_ is not None else ())))
