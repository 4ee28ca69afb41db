"""Checks values that come in and brings their texts to normal form, in place."""

import re
import unicodedata
from functools import lru_cache

from huaxiang.type.v1 import value_pb2
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.values import date_problem, time_problem

from identity.domain.attributes import AttributeDefinition, ValueType

MAX_TEXT_CHARS = 4_096
MAX_LIST_VALUES = 1_000
MAX_RECORD_FIELDS = 64
MAX_DEPTH = 4
"""Lists and records inside each other, at most: a list of records of lists of values."""

REMEMBERED_NAMES = 4_096
"""Names whose check is remembered: sources use few."""
MAX_NAME_CHARS = 64
NAME = re.compile(r"[a-z0-9_]{1,64}")

_KIND_OF_TYPE = {
    ValueType.TEXT: "text_value",
    ValueType.NUMBER: "number_value",
    ValueType.BOOL: "bool_value",
    ValueType.DATE: "date_value",
    ValueType.DATETIME: "datetime_value",
}


def name_is_valid(name: str) -> bool:
    """Whether a name is 1 to 64 characters of a-z, 0-9 and _."""
    return len(name) <= MAX_NAME_CHARS and _matches_name(name)


@lru_cache(REMEMBERED_NAMES)
def _matches_name(name: str) -> bool:
    return NAME.fullmatch(name) is not None


def normalise_value(value: value_pb2.Value, closed: frozenset[str] = frozenset(), depth: int = 1) -> str:
    """Brings a value's texts to NFKC, trimmed, and drops fields of records whose names are `closed` or
    that have no value; returns what is wrong with it, "" when nothing is."""
    return normalise_kind(value, value.WhichOneof("kind"), closed, depth)


def normalise_kind(
    value: value_pb2.Value, kind: str | None, closed: frozenset[str] = frozenset(), depth: int = 1
) -> str:
    """`normalise_value` for a value whose kind was asked already."""
    if kind == "text_value":
        text = value.text_value
        if text.isascii() and len(text) <= MAX_TEXT_CHARS and text == text.strip() and "\0" not in text:
            return ""
        return _normalise_text(value, text)
    if kind == "number_value" or kind == "bool_value":  # noqa: PLR1714  # the hot path
        return ""
    if kind == "list_value" or kind == "record_value":  # noqa: PLR1714
        if depth >= MAX_DEPTH:
            return f"nests deeper than {MAX_DEPTH} levels"
        if kind == "list_value":
            return _normalise_list(value.list_value, closed, depth)
        return _normalise_record(value.record_value, closed, depth)
    if kind == "date_value":
        return date_problem(value.date_value)
    if kind == "datetime_value":
        return time_problem(value.datetime_value)
    return ""


def normalise_attribute(value: value_pb2.Value, definition: AttributeDefinition) -> str:
    """`normalise_value` for an attribute of a declared type."""
    if value.WhichOneof("kind") != _KIND_OF_TYPE[definition.type]:
        return f"is not a {definition.type}"
    problem = normalise_value(value)
    if not problem and definition.allowed and value.text_value not in definition.allowed:
        return f"is none of {', '.join(sorted(definition.allowed))}"
    return problem


def _normalise_list(parts: value_pb2.ValueList, closed: frozenset[str], depth: int) -> str:
    if len(parts.values) > MAX_LIST_VALUES:
        return f"is a list of {len(parts.values)} values, the limit is {MAX_LIST_VALUES}"
    for part in parts.values:
        if part.WhichOneof("kind") is None:
            return "is a list with an element that has no value"
        problem = normalise_value(part, closed, depth + 1)
        if problem:
            return problem
    return ""


def _normalise_record(record: value_pb2.ValueRecord, closed: frozenset[str], depth: int) -> str:
    fields = record.fields
    if len(fields) > MAX_RECORD_FIELDS:
        return f"is a record of {len(fields)} fields, the limit is {MAX_RECORD_FIELDS}"
    dropped: list[str] = []
    for name, part in fields.items():
        if not name_is_valid(name):
            return "has a field whose name is not 1 to 64 characters of a-z, 0-9 and _"
        if name in closed or part.WhichOneof("kind") is None:
            dropped.append(name)
            continue
        problem = normalise_value(part, closed, depth + 1)
        if problem:
            return problem
    for name in dropped:
        del fields[name]
    return ""


def _normalise_text(value: value_pb2.Value, text: str) -> str:
    normal = unicodedata.normalize("NFKC", text).strip()
    if normal != text:
        value.text_value = normal
    if "\0" in normal:
        return "is a text with the character U+0000, which databases cannot hold"
    if len(normal) > MAX_TEXT_CHARS:
        return f"is a text of {len(normal)} characters, the limit is {MAX_TEXT_CHARS}"
    return ""


def check_count(field: str, count: int, limit: int) -> None:
    """Raises InvalidField for none, BatchTooLarge for more than the limit."""
    if count == 0:
        raise InvalidField(field, f"is empty: send 1 to {limit}")
    if count > limit:
        raise BatchTooLarge(field, count, limit)
