"""Events of a person for the one-person evaluator, which reads of most of them one property or none."""

import datetime as dt
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import PropertyValue
from sqlalchemy import Connection
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.dictionary import Dictionary
from tagging.store.event_places import EventPlaces
from tagging.store.mapped_rows import MappedRows
from tagging.store.sql_event_rows import events_by_sequence


class ReadPersonEvents:
    """Events that are read already."""

    def __init__(self, events: tuple[RuleEvent, ...]) -> None:
        self.events = events

    def keep(self, shown: Iterable[RuleEvent]) -> None:
        """As the port says."""


class MappedPersonEvents:
    """Events that are read when they are looked at: a property as a column of all of a type, the rest as rows."""

    def __init__(
        self,
        connection: Connection,
        tenant: str,
        places: EventPlaces,
        types: Mapping[str, dt.datetime | None],
        dictionary: Dictionary,
    ) -> None:
        """`types`: each with the first moment that is needed; None is all."""
        self._connection: Connection | None = connection
        self._tenant = tenant
        self._dictionary = dictionary
        self._rows: dict[int, Mapping[str, PropertyValue]] = {}
        found: list[RuleEvent] = []
        for event_type, since in sorted(types.items()):
            mapped = places.mapped(event_type)
            if mapped is not None:
                if since is not None:
                    mapped = mapped.among(mapped.times >= microseconds(since))
                said = _TypeSaid(mapped, frozenset(dictionary.declared.get(event_type, ())), self)
                found += [
                    RuleEvent(event_type, moment_of(time_us), sequence, _Said(said, place))
                    for place, (time_us, sequence) in enumerate(
                        zip(mapped.times.tolist(), mapped.sequences.tolist(), strict=True)
                    )
                ]
            _, recent = places.came_since(event_type)
            rows = events_by_sequence(connection, tenant, recent.tolist())
            found += [each.for_rules(dictionary) for each in rows.values()]
        found.sort(key=lambda event: (event.time, event.ingest_seq))
        self.events = tuple(found)

    def keep(self, shown: Iterable[RuleEvent]) -> None:
        """As the port says."""
        self.rows({each.ingest_seq for each in shown if isinstance(each.properties, _Said)})
        self._connection = None

    def rows(self, sequences: Collection[int]) -> Mapping[int, Mapping[str, PropertyValue]]:
        """All properties of these events, and of others."""
        missing = [each for each in sequences if each not in self._rows]
        if missing:
            if self._connection is None:
                raise RuntimeError("an event is read after its transaction that was not kept")
            found = events_by_sequence(self._connection, self._tenant, missing)
            self._rows.update(
                (sequence, each.for_rules(self._dictionary).properties) for sequence, each in found.items()
            )
        return self._rows


class _TypeSaid:
    """What is said of the mapped events of one type."""

    def __init__(self, mapped: MappedRows, declared: Collection[str], events: MappedPersonEvents) -> None:
        """`declared`: what the tenant declares, which no column tells."""
        self._mapped = mapped
        self._declared = declared
        self._events = events
        self._columns: dict[str, Sequence[PropertyValue | None]] = {}

    def value(self, place: int, name: str) -> PropertyValue | None:
        """One property of the event at a place. What is no column is read of all of them: one is seldom alone."""
        if name not in self._columns:
            if name in self._declared or not self._mapped.tells(name):
                sequences = self._mapped.sequences.tolist()
                rows = self._events.rows(sequences)
                self._columns[name] = [rows[each].get(name) for each in sequences]
            else:
                self._columns[name] = self._mapped.values(name)
        return self._columns[name][place]

    def whole(self, place: int) -> Mapping[str, PropertyValue]:
        """All of the event at a place."""
        sequence = int(self._mapped.sequences[place])
        return self._events.rows([sequence])[sequence]


class _Said(Mapping[str, PropertyValue]):
    """What is said of one mapped event."""

    __slots__ = ("_place", "_said")

    def __init__(self, said: _TypeSaid, place: int) -> None:
        self._said = said
        self._place = place

    def __getitem__(self, name: str) -> PropertyValue:
        return self._said.whole(self._place)[name]

    def get(self, name: str, default: Any = None) -> Any:
        found = self._said.value(self._place, name)
        return default if found is None else found

    def __iter__(self) -> Iterator[str]:
        return iter(self._said.whole(self._place))

    def __len__(self) -> int:
        return len(self._said.whole(self._place))
