"""The event dictionary, as rules see it."""

from dataclasses import dataclass

from rules.schema import EventType, ReferenceTable


@dataclass(frozen=True, slots=True)
class Dictionary:
    """What may happen, as tagging tells it."""

    events: tuple[EventType, ...] = ()
    tables: tuple[ReferenceTable, ...] = ()
