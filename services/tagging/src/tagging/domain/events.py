"""Events as tagging keeps them: immutable facts whose properties obey the event dictionary."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import PropertyValue
from tagging.domain.dictionary import Dictionary

SOURCE = "source"
"""The property by which rules read an event's source."""


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
        said = _SaidWithSource(self, dictionary)
        return RuleEvent(self.type, self.time, self.ingest_sequence, said)

    def said(self, dictionary: Dictionary) -> Mapping[str, PropertyValue]:
        """What is declared of it, by the suite or by its tenant."""
        return declared_of(self.type, self.properties, lambda: self.extra, dictionary)


def declared_of(
    type_: str,
    properties: Mapping[str, PropertyValue],
    extra: Callable[[], Mapping[str, PropertyValue]],
    dictionary: Dictionary,
) -> Mapping[str, PropertyValue]:
    """What the suite and the tenant declare of an event. `extra`: read of types alone of which the tenant does."""
    if type_ not in dictionary.declared:
        return properties
    return {**properties, **dictionary.as_read(type_, extra())}


class _SaidWithSource(Mapping[str, PropertyValue]):
    """What is declared of an event, with its source; read when a rule asks, for most events are only counted."""

    __slots__ = ("_dictionary", "_event", "_said")

    def __init__(self, event: Event, dictionary: Dictionary) -> None:
        self._event = event
        self._dictionary = dictionary
        self._said: Mapping[str, PropertyValue] | None = None

    def __getitem__(self, name: str) -> PropertyValue:
        return self._event.source if name == SOURCE else self._known()[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._event.source if name == SOURCE else self._known().get(name, default)

    def __iter__(self) -> Iterator[str]:
        yield from (each for each in self._known() if each != SOURCE)
        yield SOURCE

    def __len__(self) -> int:
        return len(self._known()) + (SOURCE not in self._known())

    def __repr__(self) -> str:
        return repr(dict(self))

    def _known(self) -> Mapping[str, PropertyValue]:
        if self._said is None:
            self._said = self._event.said(self._dictionary)
        return self._said
