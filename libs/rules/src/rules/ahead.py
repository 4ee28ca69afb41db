"""Windows at fixed dates that have not begun: whoever asks for them is told nothing but zeros."""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from .printer import print_window
from .tree import BetweenDays, BetweenMoments, During, Node
from .walk import walk
from .windows import CalendarSettings

FixedWindow: TypeAlias = BetweenDays | BetweenMoments | During


def fixed_windows(nodes: Iterable[Node]) -> tuple[FixedWindow, ...]:
    """The windows of the nodes, and of all below them, that do not move with the day; each once, in order."""
    found = [
        each
        for node in nodes
        for each in walk(node)
        if isinstance(each, BetweenDays | BetweenMoments | During)
    ]
    return tuple(dict.fromkeys(found))


def period_starts(calendar: CalendarSettings) -> dict[str, dt.datetime]:
    """When the periods of a calendar begin, in UTC, by name."""
    return {each.name: calendar.moment(each.start) for each in calendar.periods.all}


def ahead(
    windows: Iterable[FixedWindow],
    as_of: dt.datetime,
    calendar: CalendarSettings,
    starts: Mapping[str, dt.datetime],
) -> list[str]:
    """A sentence for each window that begins after as_of; of one whose period has no start nothing is known. `starts`:
    when periods begin, in UTC, by name."""
    begun = [(each, _start(each, calendar, starts)) for each in windows]
    return [
        f"{print_window(each)} lies ahead: it begins at "
        f"{calendar.local(start).isoformat(timespec='minutes')}, and nothing has happened in it yet"
        for each, start in begun
        if start is not None and start > as_of
    ]


def _start(
    window: FixedWindow, calendar: CalendarSettings, starts: Mapping[str, dt.datetime]
) -> dt.datetime | None:
    match window:
        case BetweenDays(first, _):
            return calendar.midnight(first)
        case BetweenMoments(first, _):
            return calendar.moment(first)
        case During(name):
            return starts.get(name)
