"""What a tenant declares of events beside the suite's dictionary: types of its own, and more of the suite's.

An event keeps what the suite's dictionary does not know as it came. A declaration says how to read it, so it counts for
what came before it just as for what comes after, and changing it rewrites nothing.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rules.evaluate.tables.source import VALIDITY
from rules.schema import CARRIED_PROPERTIES, DERIVED_PROPERTIES, EventType, PropertyType
from rules.values import Kind
from tagging.domain.definition import PURPOSE, Grade
from tagging.domain.dictionary import PROPERTY_TYPES, Dictionary, Text
from tagging.domain.event_grades import ORDINARY, EventGrades, Grading

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
MAX_TYPES = 500
MAX_PROPERTIES = 200
MAX_TEXT_CHARACTERS = 128
UNSAID = Text("", "")
RESERVED = frozenset({"person_id", "ingest_seq", "ingest_sequence", "extra", *VALIDITY})
"""Columns of our own."""
TYPE_WORDS = tuple(word for word in PROPERTY_TYPES if word != "records")


class DeclarationInvalid(ValueError):
    """A declaration breaks its limits or contradicts what is declared; `field` says where."""

    def __init__(self, event_type: str, field: str, problem: str) -> None:
        super().__init__(f"event type '{event_type}', {field}: {problem}")
        self.event_type = event_type
        self.field = field
        self.problem = problem


@dataclass(frozen=True, slots=True)
class DeclaredProperty:
    """`type` is a word of TYPE_WORDS."""

    name: str
    type: str
    text: Text = UNSAID
    refers_to: str = ""
    grading: Grading = ORDINARY

    def in_rules(self) -> PropertyType:
        return PropertyType(self.name, PROPERTY_TYPES[self.type], refers_to=self.refers_to)


@dataclass(frozen=True, slots=True)
class DeclaredEventType:
    """Properties in order of name. Of a type of the suite `text` and `grading` are the suite's and stay unsaid."""

    name: str
    text: Text = UNSAID
    properties: tuple[DeclaredProperty, ...] = ()
    grading: Grading = ORDINARY


def extended(standard: Dictionary, declared: Iterable[DeclaredEventType]) -> Dictionary:
    """The suite's dictionary with what a tenant declares."""
    events, texts = dict(standard.events), dict(standard.event_texts)
    property_texts = dict(standard.property_texts)
    types, properties = dict(standard.grades.types), dict(standard.grades.properties)
    found: dict[str, Mapping[str, PropertyType]] = {}
    for each in declared:
        own = {one.name: one.in_rules() for one in each.properties}
        known = standard.events.get(each.name, EventType(each.name))
        merged = {**{one.name: one for one in known.properties}, **own}
        events[each.name] = replace(known, properties=tuple(merged[name] for name in sorted(merged)))
        found[each.name] = own
        for one in each.properties:
            property_texts.setdefault(one.name, one.text)
            properties[each.name, one.name] = one.grading
        if each.name not in standard.events:
            texts[each.name] = each.text
            types[each.name] = each.grading
    grades = EventGrades(types, properties)
    return Dictionary(events, standard.tables, texts, property_texts, grades, found)


def check(standard: Dictionary, others: Iterable[DeclaredEventType], new: DeclaredEventType) -> None:
    """Raises DeclarationInvalid: of names, texts, types, references, grades, and of what other declarations say."""
    if not NAME.fullmatch(new.name):
        raise DeclarationInvalid(
            new.name, "name", "is not of a-z, 0-9 and _, beginning with a letter, at most 64 long"
        )
    if len(new.properties) > MAX_PROPERTIES:
        raise DeclarationInvalid(
            new.name, "properties", f"are {len(new.properties)}, the limit is {MAX_PROPERTIES}"
        )
    if new.name in standard.events:
        if not new.properties:
            raise DeclarationInvalid(
                new.name, "properties", "are none: of a type of the suite only properties are declared"
            )
        if new.grading != ORDINARY:
            raise DeclarationInvalid(new.name, "grade", "is the suite's: grade the properties that you add")
    _require_text(new.name, "text", new.text)
    _require_grading(new.name, "grade", new.grading)
    types = _types_by_name(standard, others)
    seen: set[str] = set()
    for each in new.properties:
        if each.name in seen:
            raise DeclarationInvalid(new.name, f"properties[{each.name}]", "comes twice")
        seen.add(each.name)
        _check_property(standard, new, each, types)


def _check_property(
    standard: Dictionary, new: DeclaredEventType, each: DeclaredProperty, types: Mapping[str, str]
) -> None:
    where = f"properties[{each.name}]"
    if not NAME.fullmatch(each.name) or each.name in RESERVED:
        raise DeclarationInvalid(new.name, where, "is a name of our own, or not of a-z, 0-9 and _")
    known = standard.events.get(new.name, EventType(new.name)).property(each.name)
    if known is not None:
        raise DeclarationInvalid(new.name, where, "is declared by the suite's dictionary: leave it out")
    if each.type not in TYPE_WORDS:
        raise DeclarationInvalid(new.name, where, f"has type '{each.type}', none of {', '.join(TYPE_WORDS)}")
    elsewhere = types.get(each.name)
    if elsewhere is not None and elsewhere != each.type:
        problem = (
            f"is a {each.type}, elsewhere it is a {elsewhere}: one name means one thing, use another name"
        )
        raise DeclarationInvalid(new.name, where, problem)
    if each.refers_to and (
        each.refers_to not in standard.tables or PROPERTY_TYPES[each.type].kind is not Kind.TEXT
    ):
        tables = ", ".join(sorted(standard.tables))
        raise DeclarationInvalid(new.name, where, f"refers to no table, or is no text; tables are {tables}")
    _require_text(new.name, f"{where}.text", each.text)
    _require_grading(new.name, f"{where}.grade", each.grading)


def _types_by_name(standard: Dictionary, others: Iterable[DeclaredEventType]) -> dict[str, str]:
    words = {type_: word for word, type_ in PROPERTY_TYPES.items()}
    everywhere = (*DERIVED_PROPERTIES, *CARRIED_PROPERTIES)
    of_suite = (one for event in standard.events.values() for one in event.properties)
    found = {one.name: words[one.type] for one in (*everywhere, *of_suite)}
    found |= {one.name: one.type for other in others for one in other.properties}
    return found


def _require_text(event_type: str, field: str, text: Text) -> None:
    if max(len(text.zh), len(text.en)) > MAX_TEXT_CHARACTERS:
        raise DeclarationInvalid(event_type, field, f"has more than {MAX_TEXT_CHARACTERS} characters")


def _require_grading(event_type: str, field: str, grading: Grading) -> None:
    if grading.grade is Grade.SENSITIVE and not PURPOSE.fullmatch(grading.purpose):
        raise DeclarationInvalid(
            event_type, field, "is sensitive: name the purpose that it is kept for, as health"
        )
    if grading.purpose and grading.grade is not Grade.SENSITIVE:
        raise DeclarationInvalid(event_type, field, "names a purpose: only what is sensitive has one")
