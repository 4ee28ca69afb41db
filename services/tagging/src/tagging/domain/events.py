"""Events as tagging keeps them: immutable facts whose properties obey the event dictionary."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import PropertyValue
from tagging.domain.dictionary import Dictionary


@dataclass(frozen=True, slots=True)
class Event:
    """A fact that entered through identity.

    ingest_sequence  unique and rising per tenant; breaks ties of time
    anchor_key_id    the key whose person the event belongs to; 0 = nobody's
    properties       declared by the suite's dictionary and of the declared type; values as in `rules.values`
    extra            everything else that the source said, as it came; rules read what a tenant declares of it
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

    def for_rules(self, dictionary: Dictionary) -> RuleEvent:
        """The event as the one-person evaluator reads it."""
        said = {**self.said(dictionary), "source": self.source}
        return RuleEvent(self.type, self.time, self.ingest_sequence, said)

    def said(self, dictionary: Dictionary) -> Mapping[str, PropertyValue]:
        """What is declared of it, by the suite or by its tenant."""
        if self.type not in dictionary.declared:
            return self.properties
        return {**self.properties, **dictionary.as_read(self.type, self.extra)}
