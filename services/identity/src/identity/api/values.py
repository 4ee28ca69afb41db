"""Checks values that come in and brings their texts to normal form, in place."""

import re
import unicodedata

from huaxiang.type.v1 import value_pb2

from identity.domain.attributes import AttributeDefinition, ValueType

MAX_TEXT_CHARS = 4_096
MAX_LIST_VALUES = 1_000
MAX_RECORD_FIELDS = 64
MAX_DEPTH = 4
"""Lists and records inside each other, at most: a list of records of lists of values."""

NAME = re.compile(r"[a-z0-9_]{1,64}")
_MIN_DATE_DAYS = -719_162  # 0001-01-01
_MAX_DATE_DAYS = 2_932_896  # 9999-12-31
_DAY_S = 86_400

_KIND_OF_TYPE = {
    ValueType.TEXT: "text_value",
    ValueType.NUMBER: "number_value",
    ValueType.BOOL: "bool_value",
    ValueType.DATE: "date_value",
    ValueType.DATETIME: "datetime_value",
}


def normalise_value(value: value_pb2.Value, depth: int = 1) -> str:
    """Brings a value's texts to NFKC, trimmed; returns what is wrong with it, "" when nothing is."""
    kind = value.WhichOneof("kind")
    if kind == "text_value":
        return _normalise_text(value)
    if kind == "list_value":
        values = value.list_value.values
        if len(values) > MAX_LIST_VALUES:
            return f"is a list of {len(values)} values, the limit is {MAX_LIST_VALUES}"
        return _normalise_parts(values, depth)
    if kind == "record_value":
        fields = value.record_value.fields
        if len(fields) > MAX_RECORD_FIELDS:
            return f"is a record of {len(fields)} fields, the limit is {MAX_RECORD_FIELDS}"
        if not all(map(NAME.fullmatch, fields)):
            return "has a field whose name is not 1 to 64 characters of a-z, 0-9 and _"
        return _normalise_parts(fields.values(), depth)
    if kind == "date_value" and not _MIN_DATE_DAYS <= value.date_value <= _MAX_DATE_DAYS:
        return "is a date outside the years 1 to 9999"
    if (
        kind == "datetime_value"
        and not _MIN_DATE_DAYS <= value.datetime_value.seconds // _DAY_S <= _MAX_DATE_DAYS
    ):
        return "is a time outside the years 1 to 9999"
    return ""


def normalise_attribute(value: value_pb2.Value, definition: AttributeDefinition) -> str:
    """`normalise_value` for an attribute of a declared type."""
    if value.WhichOneof("kind") != _KIND_OF_TYPE[definition.type]:
        return f"is not a {definition.type}"
    problem = normalise_value(value)
    if not problem and definition.allowed and value.text_value not in definition.allowed:
        return f"is none of {', '.join(sorted(definition.allowed))}"
    return problem


def _normalise_parts(parts: object, depth: int) -> str:
    if depth >= MAX_DEPTH:
        return f"nests deeper than {MAX_DEPTH} levels"
    for part in parts:  # type: ignore[attr-defined]  # a protobuf container
        problem = normalise_value(part, depth + 1)
        if problem:
            return problem
    return ""


def _normalise_text(value: value_pb2.Value) -> str:
    text = value.text_value
    if not text.isascii() or text != text.strip():
        normal = unicodedata.normalize("NFKC", text).strip()
        if normal != text:
            value.text_value = text = normal
    if len(text) > MAX_TEXT_CHARS:
        return f"is a text of {len(text)} characters, the limit is {MAX_TEXT_CHARS}"
    return ""
