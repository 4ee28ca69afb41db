"""The event dictionary: event types with their properties, reference tables, and what obeys them."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from rules import values
from rules.evaluate.meaning import Value
from rules.evaluate.person import PropertyValue
from rules.schema import (
    CARRIED_PROPERTIES,
    DERIVED_PROPERTIES,
    EventType,
    PropertyType,
    ReferenceTable,
)
from rules.values import Kind, ValueType
from rules.windows import CalendarSettings
from tagging.domain.definition import Grade
from tagging.domain.event_grades import EventGrades, Grading
from tagging.domain.tenants import TenantSettings

PROPERTY_TYPES: Mapping[str, ValueType] = {
    "bool": values.BOOL,
    "number": values.NUMBER,
    "text": values.TEXT,
    "date": values.DATE,
    "datetime": values.DATETIME,
    "list of text": values.list_of(Kind.TEXT),
    "list of number": values.list_of(Kind.NUMBER),
    "records": values.RECORDS,
}
"""What a dictionary may say, by the word it says it with."""


class DictionaryFault(Exception):
    """The dictionary contradicts itself or says something unknown; the message names the entry."""


@dataclass(frozen=True, slots=True)
class Text:
    """What people read."""

    zh: str
    en: str


@dataclass(frozen=True)
class Dictionary:
    """Event types and reference tables as rules see them, with the texts of their names.

    event_texts     by event type
    property_texts  by property name; one name means one thing everywhere
    grades          who may read what
    declared        by event type, what a tenant declares: events keep it in `extra`, as it came
    calendar        the tenant's, with the periods and workdays that rules may name
    """

    events: Mapping[str, EventType]
    tables: Mapping[str, ReferenceTable]
    event_texts: Mapping[str, Text]
    property_texts: Mapping[str, Text]
    grades: EventGrades = field(default_factory=EventGrades)
    declared: Mapping[str, Mapping[str, PropertyType]] = field(default_factory=dict)
    calendar: CalendarSettings = field(default_factory=lambda: TenantSettings().calendar)

    def columns(self) -> tuple[PropertyType, ...]:
        """Every stored property of any event type once, in order of name; not `source`, which each has."""
        found = {
            each.name: each
            for each in (
                *CARRIED_PROPERTIES,
                *(own for event in self.events.values() for own in event.properties),
            )
        }
        return tuple(found[name] for name in sorted(found) if name != "source")

    def readable(self, event: EventType) -> tuple[PropertyType, ...]:
        """Everything that a rule may read of an event, in order of name."""
        found = {each.name: each for each in (*CARRIED_PROPERTIES, *DERIVED_PROPERTIES, *event.properties)}
        return tuple(found[name] for name in sorted(found))

    def as_read(self, event_type: str, extra: Mapping[str, PropertyValue]) -> dict[str, PropertyValue]:
        """What is declared of an event beside the suite's properties, when it is of its type."""
        types = self.declared.get(event_type)
        if not types or not extra:
            return {}
        return {
            name: extra[name]
            for name, each in types.items()
            if name in extra and _is_of(extra[name], each.type)
        }

    def conform(
        self, event_type: str, said: Mapping[str, PropertyValue]
    ) -> tuple[dict[str, PropertyValue], dict[str, PropertyValue]]:
        """What the dictionary declares, of the declared type, and everything else that was said.

        Of a list of records the undeclared fields are else, record by record.
        """
        stored = self._stored.get(event_type, self._carried)
        declared: dict[str, PropertyValue] = {}
        extra: dict[str, PropertyValue] = {}
        for name, value in said.items():
            property_ = stored.get(name)
            if property_ is None or not _is_of(value, property_.type):
                extra[name] = value
            elif property_.type.kind is Kind.RECORDS:
                declared[name], rest = _conform_records(property_, value)
                if any(rest):
                    extra[name] = rest
            else:
                declared[name] = value
        return declared, extra

    @cached_property
    def _carried(self) -> Mapping[str, PropertyType]:
        return {each.name: each for each in CARRIED_PROPERTIES if each.name != "source"}

    @cached_property
    def _stored(self) -> Mapping[str, Mapping[str, PropertyType]]:
        """By event type, the properties that an event may carry; derived ones are never stored."""
        return {
            event.name: {**self._carried, **{each.name: each for each in event.properties}}
            for event in self.events.values()
        }


def is_of(value: Value, type_: ValueType) -> bool:
    """Whether a value of a reference row is of a column's type."""
    return _is_of(value, type_)


def parse_dictionary(document: Mapping[str, Any]) -> Dictionary:
    """The dictionary of a parsed document with `properties`, `event_types`, `reference_tables`.

    Raises DictionaryFault for an unknown type, an unknown property, or a reference to no table.
    """
    tables = {
        name: ReferenceTable(
            name,
            tuple(
                PropertyType(column, _type(word, f"{name}.{column}"))
                for column, word in sorted(columns.items())
            ),
        )
        for name, columns in document["reference_tables"].items()
    }
    properties: dict[str, PropertyType] = {}
    for name, entry in document["properties"].items():
        properties[name] = _property(name, entry, properties)
        refers_to = properties[name].refers_to
        if refers_to and refers_to not in tables:
            raise DictionaryFault(f"property {name} refers to table {refers_to!r}, which does not exist")
    events = {name: _event(name, entry, properties) for name, entry in document["event_types"].items()}
    for event in events.values():
        for name in event.reversed_by:
            if name not in events:
                raise DictionaryFault(
                    f"event type {event.name} is reversed by {name!r}, which does not exist"
                )
    return Dictionary(
        events=events,
        tables=tables,
        event_texts=_texts(document["event_types"]),
        property_texts=_texts(document["properties"]),
        grades=_grades(document["event_types"], events),
    )


def _event(name: str, entry: Mapping[str, Any], properties: Mapping[str, PropertyType]) -> EventType:
    unknown = [each for each in entry["properties"] if each not in properties]
    if unknown:
        raise DictionaryFault(f"event type {name} has properties that are not declared: {', '.join(unknown)}")
    own = tuple(properties[each] for each in sorted(entry["properties"]))
    return EventType(name, own, tuple(entry.get("reversed_by", ())))


def _property(name: str, entry: Mapping[str, Any], known: Mapping[str, PropertyType]) -> PropertyType:
    unknown = [each for each in entry.get("fields", ()) if each not in known]
    if unknown:
        raise DictionaryFault(
            f"property {name} has fields that are not declared before: {', '.join(unknown)}"
        )
    fields = tuple(known[each] for each in sorted(entry.get("fields", ())))
    return PropertyType(name, _type(entry["type"], name), refers_to=entry.get("refers_to", ""), fields=fields)


def _type(word: str, where: str) -> ValueType:
    try:
        return PROPERTY_TYPES[word]
    except KeyError:
        raise DictionaryFault(f"{where} has type {word!r}, none of {', '.join(PROPERTY_TYPES)}") from None


def _grades(entries: Mapping[str, Mapping[str, Any]], events: Mapping[str, EventType]) -> EventGrades:
    """`grade` of a type, and `graded` of its properties: property -> grade; of what is sensitive with the purpose."""
    types: dict[str, Grading] = {}
    properties: dict[tuple[str, str], Grading] = {}
    for name, entry in entries.items():
        if "grade" in entry:
            types[name] = _grading(entry["grade"], name)
        for each, said in entry.get("graded", {}).items():
            if each not in {one.name for one in events[name].properties}:
                raise DictionaryFault(f"event type {name} grades {each!r}, which it does not have")
            properties[name, each] = _grading(said, f"{name}.{each}")
    return EventGrades(types, properties)


def _grading(said: str, where: str) -> Grading:
    word, _, purpose = said.partition(" for ")
    if word not in {each.value for each in Grade} or (word == Grade.SENSITIVE.value) != bool(purpose):
        raise DictionaryFault(
            f"{where} has grade {said!r}: say public, internal, personal, or sensitive for a purpose"
        )
    return Grading(Grade(word), purpose)


def _texts(entries: Mapping[str, Mapping[str, Any]]) -> dict[str, Text]:
    return {name: Text(entry["zh"], entry["en"]) for name, entry in entries.items()}


def _conform_records(
    property_: PropertyType, records: Any
) -> tuple[PropertyValue, tuple[Mapping[str, Value], ...]]:
    declared, rest = [], []
    for record in records:
        types = {each.name: each.type for each in property_.fields}
        of_type = {
            name: value for name, value in record.items() if name in types and _is_of(value, types[name])
        }
        declared.append(of_type)
        rest.append({name: value for name, value in record.items() if name not in of_type})
    return tuple(declared), tuple(rest)


def _is_of(value: object, type_: ValueType) -> bool:
    match type_.kind:
        case Kind.BOOL:
            return isinstance(value, bool)
        case Kind.NUMBER:
            return isinstance(value, int) and not isinstance(value, bool)
        case Kind.TEXT:
            return isinstance(value, str)
        case Kind.DATE:
            return isinstance(value, dt.date) and not isinstance(value, dt.datetime)
        case Kind.DATETIME:
            return isinstance(value, dt.datetime)
        case Kind.LIST:
            element = ValueType(type_.element) if type_.element else None
            return (
                isinstance(value, tuple)
                and element is not None
                and all(_is_of(each, element) for each in value)
            )
        case Kind.RECORDS:
            return isinstance(value, tuple) and all(isinstance(each, Mapping) for each in value)
