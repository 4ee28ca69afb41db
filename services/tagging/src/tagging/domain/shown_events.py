"""Events as a reader sees them: without what the reader may not read."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.evaluate.person import PropertyValue
from tagging.domain.dictionary import Dictionary
from tagging.domain.event_grades import EventRelease
from tagging.domain.events import Event


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """Of an event that is withheld only the time is told. `properties`: what the suite or the tenant declares."""

    time: dt.datetime
    type: str = ""
    source: str = ""
    event_id: str = ""
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)
    withheld: bool = False
    withheld_properties: tuple[str, ...] = ()


def shown_event(event: Event, dictionary: Dictionary, release: EventRelease) -> ShownEvent:
    """What of the event the release covers."""
    if not release.shows(event.type):
        return ShownEvent(event.time, withheld=True)
    shown, beside = release.released(event.type, event.said(dictionary))
    return ShownEvent(
        event.time, event.type, event.source, event.event_id, shown, withheld_properties=tuple(beside)
    )
