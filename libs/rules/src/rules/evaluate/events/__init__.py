"""Whole populations over columns of events: every question is a few passes over arrays, without an engine."""

from .columns import Column, EventTable, Lines, OrderedEvents, tells_order
from .evaluator import Events, EventSource
from .grouped import GroupRows
from .passes import Chosen, Flagged, Passes

__all__ = [
    "Chosen",
    "Column",
    "EventSource",
    "EventTable",
    "Events",
    "Flagged",
    "GroupRows",
    "Lines",
    "OrderedEvents",
    "Passes",
    "tells_order",
]
