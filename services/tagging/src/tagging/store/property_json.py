"""Values in text columns: JSON in which a date is {"$d": days} and a moment {"$t": microseconds} since 1970.

Names of properties and fields consist of a-z, 0-9 and _, so that no record can be taken for either.
"""

import datetime as dt
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tagging.domain.columns import day_of, days, microseconds, moment_of


def encode(values: Mapping[str, Any]) -> str:
    """Named values as compact text; equal mappings give equal text."""
    if isinstance(values, StoredValues):
        return values.text
    if not values:
        return "{}"
    return _ENCODER.encode(values)


def decode(text: str) -> dict[str, Any]:
    """The values again; lists are tuples."""
    if text == "{}":
        return {}
    found: dict[str, Any] = (_MARKED if '"$' in text else _PLAIN)(text)[0]
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = tuple(value)
    return found


class Decoded(Sequence[dict[str, Any]]):
    """The values of texts, decoded when they are asked for."""

    __slots__ = ("_texts",)

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts

    def __getitem__(self, place: Any) -> Any:
        return decode(self._texts[place])

    def __len__(self) -> int:
        return len(self._texts)


class StoredValues(Mapping[str, Any]):
    """Named values in their text, decoded when one is read first: most events are only counted."""

    __slots__ = ("_decoded", "_text")

    def __init__(self, text: str) -> None:
        self._text = text
        self._decoded: dict[str, Any] | None = None

    @property
    def text(self) -> str:
        """As it is stored."""
        return self._text

    def __getitem__(self, name: str) -> Any:
        return self._values()[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._values().get(name, default)

    def __iter__(self) -> Iterator[str]:
        return iter(self._values())

    def __len__(self) -> int:
        return len(self._values())

    def __repr__(self) -> str:
        return repr(self._values())

    def _values(self) -> dict[str, Any]:
        if self._decoded is None:
            self._decoded = decode(self._text)
        return self._decoded


def stored_values(text: str) -> Mapping[str, Any]:
    """The values of a text, decoded when they are needed."""
    return {} if text == "{}" else StoredValues(text)


def _marked(value: object) -> dict[str, int]:
    match value:
        case dt.datetime():
            return {"$t": microseconds(value)}
        case dt.date():
            return {"$d": days(value)}
        case _:
            raise TypeError(f"{type(value).__name__} is no value")


_ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True, default=_marked)


def _unmarked(record: dict[str, Any]) -> Any:
    if len(record) == 1:
        if "$t" in record:
            return moment_of(record["$t"])
        if "$d" in record:
            return day_of(record["$d"])
    return record


# What is stored is of our own making: without `loads`, which looks at encodings and at what stands around, decoding
# takes half the time.
_PLAIN = json.JSONDecoder().raw_decode
_MARKED = json.JSONDecoder(object_hook=_unmarked).raw_decode
