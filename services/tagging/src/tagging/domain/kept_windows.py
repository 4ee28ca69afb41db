"""Windows of rules against what is kept: a window that reaches further back sees what is kept, no more."""

import datetime as dt
from collections.abc import Iterable

from rules import tree as t
from rules.errors import UnsupportedNode
from rules.walk import walk
from rules.windows import CalendarSettings, interval
from tagging.domain.looked_back import looked_at
from tagging.domain.retention import Retention


def beyond(
    nodes: Iterable[t.Node], retention: Retention, as_of: dt.datetime, calendar: CalendarSettings
) -> list[str]:
    """One sentence for each event type that a rule looks back at further than it is kept, in order of type."""
    first_day = calendar.day_of(as_of)
    found: set[str] = set()
    for node in nodes:
        for each in walk(node):
            if not isinstance(each, t.Aggregate | t.Sequence):
                continue
            for event in looked_at(each):
                days = retention.days_of(event)
                if days and _reaches(each.window, first_day - dt.timedelta(days - 1), as_of, calendar):
                    found.add(event)
    return [
        f"{event} is kept {retention.days_of(event)} days and a window reaches further back: "
        "what is older does not count"
        for event in sorted(found)
    ]


def _reaches(window: t.Window, first_day: dt.date, as_of: dt.datetime, calendar: CalendarSettings) -> bool:
    """Whether a window begins before the first day that is kept."""
    try:
        start = interval(window, as_of, calendar).start
    except (UnsupportedNode, ValueError):
        return False
    return start is None or start < calendar.midnight(first_day)
