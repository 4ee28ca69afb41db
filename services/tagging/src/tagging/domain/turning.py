"""Of whom a column may change when the tenant's day rolls: of those with events on days that enter or leave a window of
its questions, as far as windows alone make it turn."""

import datetime as dt
from collections.abc import Collection

from rules import tree as t
from rules.errors import UnsupportedNode
from rules.walk import walk
from rules.windows import CalendarSettings, interval

from .ageing import DAY_FUNCTIONS
from .columns import microseconds
from .definition import LifecycleKind
from .recipe import Recipe

Span = tuple[int, int]
"""Microseconds since 1970 UTC: [start, end)."""


def turning_windows(recipe: Recipe) -> frozenset[t.Window] | None:
    """The windows of all that a column asks; None when its value may also change of whom no event enters or leaves one:
    it counts days or ranks by their weight, follows a chain of days or steps, or changes within a day, too."""
    if isinstance(recipe.kind, LifecycleKind) or getattr(recipe.kind, "daily", False) or recipe.triggers:
        return None
    found: set[t.Window] = set()
    for question in recipe.questions.values():
        for node in walk(question):
            match node:
                case t.Sequence() | t.Anniversary() | t.Grouped(half_life_days=int()):
                    return None
                case t.Aggregate(function=t.Function.STREAK):
                    return None
                case t.TimeFunction(function, _) if function in DAY_FUNCTIONS:
                    return None
                case t.Aggregate(window=window):
                    found.add(window)
    return frozenset(found)


def turned_spans(
    windows: Collection[t.Window], day: dt.date, as_of: dt.datetime, calendar: CalendarSettings
) -> frozenset[Span] | None:
    """Where the events stand that are in one of the windows at a moment and were not at some moment of the day before
    it rolled, or the other way round; those of that day among them, told ahead of their time. None when a window
    cannot be told."""
    spans: set[Span] = set()
    for window in windows:
        try:
            old, new = (interval(window, each, calendar) for each in (calendar.midnight(day), as_of))
        except (UnsupportedNode, ValueError):
            return None
        if old.start is not None and new.start is not None:
            spans.add(_between(old.start, new.start))
        spans.add(_between(old.end, new.end))
    return frozenset((start, end) for start, end in spans if start < end)


def _between(one: dt.datetime, other: dt.datetime) -> Span:
    return microseconds(min(one, other)), microseconds(max(one, other))
