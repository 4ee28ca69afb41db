"""Values in text columns: JSON in which a date is {"$d": days} and a moment {"$t": microseconds} since 1970.

Names of properties and fields consist of a-z, 0-9 and _, so that no record can be taken for either.
"""

import datetime as dt
import json
from collections.abc import Mapping
from typing import Any

from tagging.domain.columns import day_of, days, microseconds, moment_of


def encode(values: Mapping[str, Any]) -> str:
    """Named values as compact text; equal mappings give equal text."""
    if not values:
        return "{}"
    return _ENCODER.encode(values)


def decode(text: str) -> dict[str, Any]:
    """The values again; lists are tuples."""
    if text == "{}":
        return {}
    found: dict[str, Any] = json.loads(text, object_hook=_unmarked if '"$' in text else None)
    for name, value in found.items():
        if isinstance(value, list):
            found[name] = tuple(value)
    return found


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
