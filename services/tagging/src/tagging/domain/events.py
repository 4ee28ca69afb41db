"""Events as tagging keeps them: immutable facts whose properties obey the event dictionary."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import PropertyValue


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that entered through identity.

    ingest_sequence  unique and rising per tenant; breaks ties of time
    anchor_key_id    the key whose person the event belongs to; 0 = nobody's
    properties       declared by the dictionary and of the declared type; values as in `rules.values`
    extra            everything else that the source said, kept and never read by rules
    """

    ingest_sequence: int
    source: str
    event_id: str
    type: str
    time: dt.datetime
    anchor_key_id: int
    other_key_ids: tuple[int, ...] = ()
    brand: str = ""
    properties: Mapping[str, PropertyValue] = field(default_factory=dict)
    extra: Mapping[str, PropertyValue] = field(default_factory=dict)

    def for_rules(self) -> RuleEvent:
        """The event as the one-person evaluator reads it."""
        return RuleEvent(
            self.type, self.time, self.ingest_sequence, {**self.properties, "source": self.source}
        )
