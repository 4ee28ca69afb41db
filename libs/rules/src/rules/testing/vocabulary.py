"""What a random rule over a catalogue may read, listed once."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cached_property

from rules.schema import (
    Catalogue,
    EventType,
    PropertyType,
    Resolved,
    Scope,
    UnknownPath,
    ValueList,
    resolve,
    sequence_property,
)
from rules.tree import Expression, Property, TagRef
from rules.values import Kind, ValueType


@dataclass(frozen=True, slots=True)
class Readable:
    """A tag or property; `lines` names the list of records that its path walks."""

    expression: Expression
    type: ValueType
    values: ValueList | None
    lines: str = ""


@dataclass(frozen=True)
class Vocabulary:
    catalogue: Catalogue
    _keys: dict[str, dict[tuple[str, ...], Kind]] = field(default_factory=dict)

    @cached_property
    def tags(self) -> list[Readable]:
        return [Readable(TagRef(each.name), each.type, each.values) for each in self.catalogue.tags.values()]

    @cached_property
    def events(self) -> list[EventType]:
        return list(self.catalogue.events.values())

    def readable(self, scope: Scope) -> list[Readable]:
        """What a WHERE in this scope may read: properties, joins, in a line scope the line's fields."""
        names = [each.name for each in self._fields(scope)] + scope.event.property_names()
        return [each for each in self._paths(scope, names) if not each.lines]

    def aggregated(self, event: EventType) -> list[Readable]:
        """What an aggregate over the event may read: the same, and through its lists of records."""
        return self._paths(Scope(event), event.property_names())

    def lists_of_records(self, event: EventType) -> list[PropertyType]:
        return [each for each in event.properties if each.type.kind is Kind.RECORDS]

    def shared_keys(self, events: list[EventType]) -> list[Property]:
        """What BY may read of every one of the events, with values of one kind."""
        kinds = [self._keys_of(event) for event in events]
        shared = [path for path in kinds[0] if len({each.get(path) for each in kinds}) == 1]
        return [Property(path) for path in shared]

    def _keys_of(self, event: EventType) -> dict[tuple[str, ...], Kind]:
        """Every path that BY may read of an event, with the kind of its values."""
        if event.name not in self._keys:
            fields = [each.name for list_ in self.lists_of_records(event) for each in list_.fields]
            names = dict.fromkeys([*event.property_names(), *fields])
            columns = {each.name for table in self.catalogue.tables.values() for each in table.columns}
            paths: list[tuple[str, ...]] = [(name,) for name in names]
            paths += [(name, each) for name in names for each in sorted(columns)]
            self._keys[event.name] = dict(self._read_keys(event, paths))
        return self._keys[event.name]

    def _read_keys(
        self, event: EventType, paths: list[tuple[str, ...]]
    ) -> Iterator[tuple[tuple[str, ...], Kind]]:
        for path in paths:
            with suppress(UnknownPath):
                found = sequence_property(self.catalogue, event, path)
                if found.type.kind is not Kind.RECORDS:
                    yield path, found.type.element or found.type.kind

    def _fields(self, scope: Scope) -> tuple[PropertyType, ...]:
        found = scope.event.property(scope.lines) if scope.lines else None
        return found.fields if found else ()

    def _paths(self, scope: Scope, names: list[str]) -> list[Readable]:
        found: dict[tuple[str, ...], Resolved] = {}
        for name in names:
            for path in self._grown(scope, (name,)):
                found.setdefault(path, resolve(self.catalogue, scope, path))
        return [
            Readable(Property(path), each.type, each.values, each.list)
            for path, each in found.items()
            if each.type.kind is not Kind.RECORDS
        ]

    def _grown(self, scope: Scope, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        read = resolve(self.catalogue, scope, path)
        if read.table:
            return
        for line_field in read.field.fields:
            yield from self._grown(scope, (*path, line_field.name))
        table = self.catalogue.table(read.field.refers_to) if read.field.refers_to else None
        for column in table.columns if table else ():
            yield (*path, column.name)
