"""Declarations of event types, from messages."""

from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from rules.values import Kind, ValueType, list_of
from tagging.catalogue.messages import BASES, GRADES
from tagging.domain.declared_events import UNSAID, DeclaredEventType, DeclaredProperty
from tagging.domain.definition import Grade
from tagging.domain.dictionary import PROPERTY_TYPES, Text
from tagging.domain.event_grades import Grading
from tagging.errors import EventTypeInvalid

WORDS = {type_: word for word, type_ in PROPERTY_TYPES.items()}


def declaration(message: pb.EventType) -> DeclaredEventType:
    """Properties in order of name. Raises EventTypeInvalid for a type of values, or a grade, that is none."""
    properties = [_property(message.name, each) for each in message.properties]
    return DeclaredEventType(
        message.name,
        _text(message.text),
        tuple(sorted(properties, key=lambda each: each.name)),
        _grading(message.name, "grade", message.grade, message.purpose),
    )


def _property(event_type: str, message: pb.EventProperty) -> DeclaredProperty:
    kind = next((kind for kind, number in BASES.items() if number == message.base), None)
    word = "" if kind is None else WORDS.get(_type(kind, message), "")
    if not word or message.fields:
        raise EventTypeInvalid(
            event_type,
            f"properties[{message.name}].base",
            "is none of bool, number, text, date, datetime, and lists of texts or numbers",
        )
    where = f"properties[{message.name}].grade"
    grading = _grading(event_type, where, message.grade, message.purpose)
    return DeclaredProperty(message.name, word, _text(message.text), message.reference_table, grading)


def _type(kind: Kind, message: pb.EventProperty) -> ValueType:
    return list_of(kind) if message.repeated_values else ValueType(kind)


def _grading(event_type: str, field: str, number: int, purpose: str) -> Grading:
    """What is not said is internal; what this release does not know is not guessed."""
    grade = next((each for each, known in GRADES.items() if known == number), None)
    if grade is None and number:
        raise EventTypeInvalid(event_type, field, f"is none of {', '.join(each.value for each in GRADES)}")
    return Grading(grade or Grade.INTERNAL, purpose)


def _text(message: tag_pb2.TagText) -> Text:
    return Text(message.zh, message.en) if message.zh or message.en else UNSAID
