"""The event dictionary, as rules see it."""

from dataclasses import dataclass
from typing import NamedTuple

from rules.event_reads import read_of_events
from rules.schema import EventType, ReferenceTable
from rules.tree import Node


class EventGrade(NamedTuple):
    """Whoever reads the event type, or its property when one is named, needs the right tagging.values.read_<grade>;
    `purpose`: what something sensitive is kept for."""

    event: str
    property: str
    grade: str
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What may happen, as tagging tells it; `grades` of what not everybody may read, in order."""

    events: tuple[EventType, ...] = ()
    tables: tuple[ReferenceTable, ...] = ()
    grades: tuple[EventGrade, ...] = ()

    def grades_of(self, rule: Node) -> frozenset[EventGrade]:
        """Of the event types and properties that a rule reads."""
        read = {(event, name) for event, names in read_of_events([rule]) for name in ("", *names)}
        return frozenset(each for each in self.grades if (each.event, each.property) in read)
