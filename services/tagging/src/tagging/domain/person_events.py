"""Events of some persons, column by column: most are only counted, so that one is made when it is asked for first."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np
from rules.evaluate.batch import EventRows
from rules.evaluate.person import Event as RuleEvent
from rules.evaluate.person import PropertyValue
from tagging.domain.columns import Ints, moment_of
from tagging.domain.dictionary import Dictionary
from tagging.domain.events import SOURCE, declared_of

Said = Sequence[dict[str, PropertyValue]]
"""What each event says, a new mapping each time."""


def _none() -> Ints:
    return np.empty(0, np.int64)


@dataclass(frozen=True)
class PersonEvents:
    """In order of person, time and ingest sequence.

    persons      how many there are; owners: the slot of each event's person
    times        microseconds since 1970 UTC
    types, said  of each event; extra: what it says beside the suite's dictionary
    """

    persons: int
    owners: Ints = field(default_factory=_none)
    times: Ints = field(default_factory=_none)
    sequences: Sequence[int] = ()
    types: Sequence[str] = ()
    sources: Sequence[str] = ()
    said: Said = ()
    extra: Said = ()

    def latest(self, as_of_us: int) -> list[int | None]:
        """When each person did anything last, up to a moment."""
        found: list[int | None] = [None] * self.persons
        until = self.times <= as_of_us
        for slot, time in zip(self.owners[until].tolist(), self.times[until].tolist(), strict=True):
            found[slot] = time  # they stand in order of time
        return found


class EventsForRules(Sequence[RuleEvent]):
    """The events as the evaluators read them."""

    def __init__(self, events: PersonEvents, dictionary: Dictionary) -> None:
        self._events = events
        self._dictionary = dictionary
        self._made: list[RuleEvent | None] = [None] * len(events.times)

    @cached_property
    def rows(self) -> EventRows:
        """For the evaluator of a batch."""
        return EventRows.of_columns(self, self._events.owners, self._events.times, self._events.types)

    def by_person(self) -> list[Sequence[RuleEvent]]:
        """The events of each person."""
        bounds = np.searchsorted(self._events.owners, np.arange(self._events.persons + 1)).tolist()
        return [
            _Stretch(self, start, end) if start < end else () for start, end in itertools.pairwise(bounds)
        ]

    @overload
    def __getitem__(self, place: int) -> RuleEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RuleEvent]: ...
    def __getitem__(self, place: Any) -> Any:
        if isinstance(place, slice):
            return [self[each] for each in range(*place.indices(len(self)))]
        return self._made[place] or self._make(place)

    def __len__(self) -> int:
        return len(self._made)

    def _make(self, place: int) -> RuleEvent:
        events = self._events
        type_, time = events.types[place], moment_of(int(events.times[place]))
        said = declared_of(type_, events.said[place], lambda: events.extra[place], self._dictionary)
        made = RuleEvent(type_, time, events.sequences[place], {**said, SOURCE: events.sources[place]})
        self._made[place] = made
        return made


class _Stretch(Sequence[RuleEvent]):
    """Events one after the other."""

    __slots__ = ("_end", "_events", "_start")

    def __init__(self, events: EventsForRules, start: int, end: int) -> None:
        self._events = events
        self._start = start
        self._end = end

    @overload
    def __getitem__(self, place: int) -> RuleEvent: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[RuleEvent]: ...
    def __getitem__(self, place: Any) -> Any:
        return (
            self._events[range(self._start, self._end)[place]]
            if isinstance(place, int)
            else list(self)[place]
        )

    def __len__(self) -> int:
        return self._end - self._start
