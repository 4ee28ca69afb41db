"""The events of a batch of persons as arrays, and which of them an aggregate counts."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from rules.errors import NumberOverflow
from rules.evaluate.person.facts import Event, Person, ReferenceRows
from rules.evaluate.person.interpreter import truth
from rules.evaluate.person.scopes import DERIVED, EventScope, derived_property
from rules.evaluate.setting import Setting
from rules.schema import EventType, Resolved, Scope, resolve
from rules.tree import Condition, Property, Window
from rules.windows import interval

Ints: TypeAlias = npt.NDArray[np.int64]
EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_LATEST = 2**63 - 1


class EventRows:
    """All events of the persons one after the other: by person, then in order of (time, ingest_seq).

    owners  the slot of each event's person
    times   microseconds since 1970 UTC
    """

    def __init__(self, persons: Sequence[Person]) -> None:
        events = [event for each in persons for event in each.events]
        owners = np.repeat(np.arange(len(persons), dtype=np.int64), [len(each.events) for each in persons])
        times = np.array([(each.time - EPOCH) // _MICROSECOND for each in events], np.int64)
        self._hold(events, owners, times, [each.type for each in events])

    @classmethod
    def of_columns(
        cls, events: Sequence[Event], owners: Ints, times: Ints, types: Sequence[str]
    ) -> "EventRows":
        """In that order already; `events` may make each when it is asked for."""
        found = cls.__new__(cls)
        found._hold(events, owners, times, types)
        return found

    def _hold(self, events: Sequence[Event], owners: Ints, times: Ints, types: Sequence[str]) -> None:
        self.events = events
        self.owners = owners
        self.times = times
        codes = {name: code for code, name in enumerate(dict.fromkeys(types))}
        coded = np.array([codes[each] for each in types], np.int64)
        self._by_type = {name: np.flatnonzero(coded == code) for name, code in codes.items()}

    def of_type(self, name: str) -> Ints:
        """Places of the events of a type, ascending."""
        return self._by_type.get(name, _NONE)


_NONE: Ints = np.empty(0, np.int64)


@dataclass(frozen=True, slots=True)
class Rows:
    """What an aggregate counts, in order of person, time, ingest_seq and line: places of events, their persons, and
    values of a property where one was read. `failed`: slots of persons whose numbers overflowed on the way."""

    places: Ints
    owners: Ints
    values: Sequence[Any]
    failed: frozenset[int]


class RowReader:
    """Reads the rows of aggregates over one EventRows at one moment; equal questions are answered once."""

    def __init__(self, rows: EventRows, setting: Setting, tables: ReferenceRows) -> None:
        self.rows = rows
        self.setting = setting
        self._tables = tables
        self._within: dict[tuple[str, Window], Ints] = {}
        self._passing: dict[tuple[str, Window, Condition], tuple[Ints, frozenset[int]]] = {}
        self._days: dict[int, int] = {}
        self._zone = setting.calendar.zone
        self.today = setting.today.toordinal()

    def event_type(self, name: str) -> EventType:
        found = self.setting.schema.event(name)
        if found is None:
            raise LookupError(f"no event type '{name}'; evaluate a rule checked against this schema")
        return found

    def within(self, type_: EventType, window: Window) -> Ints:
        """Places of a type's events in a window."""
        key = type_.name, window
        found = self._within.get(key)
        if found is None:
            span = interval(window, self.setting.as_of, self.setting.calendar)
            start = -_LATEST if span.start is None else (span.start - EPOCH) // _MICROSECOND
            end = (span.end - EPOCH) // _MICROSECOND
            places = self.rows.of_type(type_.name)
            times = self.rows.times[places]
            found = self._within[key] = places[(times >= start) & (times < end)]
        return found

    def of_events(self, type_: EventType, window: Window, where: Condition | None) -> Rows:
        """The events themselves."""
        places, failed = self._where(type_, window, where)
        return Rows(places, self.rows.owners[places], (), failed)

    def of_property(
        self, type_: EventType, window: Window, where: Condition | None, path: tuple[str, ...]
    ) -> Rows:
        """The events with the values of a property, those that are known."""
        places, failed = self._where(type_, window, where)
        events = self.rows.events
        name = path[0]
        if name == "time":
            times = [EPOCH + each * _MICROSECOND for each in self.rows.times[places].tolist()]
            return Rows(places, self.rows.owners[places], times, failed)
        listed = places.tolist()
        if self.is_plain(type_, path):
            read = [events[each].properties.get(name) for each in listed]
        elif len(path) == 1 and name in DERIVED:
            read = [derived_property(events[each], name, self.setting) for each in listed]
        else:
            asked = Property(path)
            read = [self.scope(type_, each).read(asked) for each in listed]
        return self._known(listed, read, failed)

    def of_lines(
        self, type_: EventType, window: Window, where: Condition | None, path: tuple[str, ...]
    ) -> Rows:
        """The lines of a list of records with the values of a field, those that are known."""
        places: list[int] = []
        read: list[Any] = []
        failed: set[int] = set()
        asked = Property(path[1:])
        for place in self.within(type_, window).tolist():
            try:
                for line in self.scope(type_, place).each_line(path[0]):
                    if where is None or truth(where, line):
                        places.append(place)
                        read.append(line.read(asked))
            except NumberOverflow:
                failed.add(int(self.rows.owners[place]))
        return self._known(places, read, frozenset(failed))

    def day(self, place: int) -> int:
        """The tenant's day of an event, as an ordinal."""
        found = self._days.get(place)
        if found is None:
            time = EPOCH + int(self.rows.times[place]) * _MICROSECOND
            found = self._days[place] = time.astimezone(self._zone).date().toordinal()
        return found

    def is_plain(self, type_: EventType, path: tuple[str, ...]) -> bool:
        """Whether a path reads what stands under its name in the event."""
        resolved: Resolved = resolve(self.setting.schema, Scope(type_), path)
        return len(path) == 1 and not resolved.table and path[0] not in DERIVED

    def scope(self, type_: EventType, place: int) -> EventScope:
        return EventScope(self.setting, self._tables, type_, self.rows.events[place])

    def _where(
        self, type_: EventType, window: Window, where: Condition | None
    ) -> tuple[Ints, frozenset[int]]:
        if where is None:
            return self.within(type_, window), frozenset()
        key = type_.name, window, where
        found = self._passing.get(key)
        if found is None:
            passing: list[int] = []
            failed: set[int] = set()
            for place in self.within(type_, window).tolist():
                try:
                    if truth(where, self.scope(type_, place)):
                        passing.append(place)
                except NumberOverflow:
                    failed.add(int(self.rows.owners[place]))
            found = self._passing[key] = np.array(passing, np.int64), frozenset(failed)
        return found

    def _known(self, places: Sequence[int], read: Sequence[Any], failed: frozenset[int]) -> Rows:
        known = [(place, value) for place, value in zip(places, read, strict=True) if value is not None]
        kept = np.array([place for place, _ in known], np.int64)
        return Rows(kept, self.rows.owners[kept], [value for _, value in known], failed)
