"""Whole populations over columns of events: every question is a few passes over arrays, without an engine."""

from .columns import Column, EventTable, Lines, OrderedEvents, tells_order
from .evaluator import Events, EventSource
from .grouped import GroupRows

__all__ = [
    "Column",
    "EventSource",
    "EventTable",
    "Events",
    "GroupRows",
    "Lines",
    "OrderedEvents",
    "tells_order",
]
