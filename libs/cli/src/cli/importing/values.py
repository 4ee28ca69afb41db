"""Cells as typed values of the contract. Numbers are exact: text to fixed-point without binary floats."""

import datetime as dt
import json
import re
from collections.abc import Mapping
from decimal import Decimal, DecimalException, InvalidOperation
from typing import Any
from zoneinfo import ZoneInfo

from huaxiang.type.v1 import value_pb2
from servicekit.values import put_moment, put_scalar

SCALE = 10_000
TRUE_TEXTS = frozenset({"1", "true", "yes", "y", "t", "是"})
FALSE_TEXTS = frozenset({"0", "false", "no", "n", "f", "否"})
_SINGLE_DIGIT = re.compile(r"(?<![\d.+])\d(?=[-: T]|$)")
"""Of a month, a day or an hour."""
INT64 = range(-(2**63), 2**63)


class BadCell(ValueError):
    """What is wrong with a cell, without the cell."""


def number(cell: Any) -> int:
    """Scaled by 10,000. Raises BadCell for what is no number of at most four decimals."""
    if isinstance(cell, bool):
        raise BadCell("is true or false, not a number")
    if isinstance(cell, int):
        scaled = Decimal(cell * SCALE)
    else:
        text = repr(cell) if isinstance(cell, float) else str(cell).strip().replace(",", "")
        try:
            scaled = Decimal(text) * SCALE
        except InvalidOperation:
            raise BadCell("is not a number") from None
        except DecimalException:
            raise BadCell("is too large") from None
    if not scaled.is_finite():
        raise BadCell("is not a number")
    if not INT64[0] <= scaled <= INT64[-1]:
        raise BadCell("is too large")
    if scaled != scaled.to_integral_value():
        raise BadCell("has more than four decimals")
    return int(scaled)


def moment(cell: Any, zone: ZoneInfo) -> dt.datetime:
    """Aware; without a zone of its own it is in `zone`. Raises BadCell."""
    if isinstance(cell, dt.datetime):
        found = cell
    elif isinstance(cell, dt.date):
        found = dt.datetime.combine(cell, dt.time())
    else:
        try:
            found = _read(str(cell))
        except ValueError:
            raise BadCell("is not a time such as 2026-06-30 12:00:00") from None
    return found if found.tzinfo is not None else found.replace(tzinfo=zone)


def date(cell: Any) -> dt.date:
    """Raises BadCell."""
    if isinstance(cell, dt.datetime):
        return cell.date()
    if isinstance(cell, dt.date):
        return cell
    try:
        return _read(str(cell)).date()
    except ValueError:
        raise BadCell("is not a date such as 2026-06-30") from None


def _read(text: str) -> dt.datetime:
    """ISO 8601, or as spreadsheets write it: 2026/6/3 9:05. Raises ValueError."""
    return dt.datetime.fromisoformat(_SINGLE_DIGIT.sub(r"0\g<0>", text.strip().replace("/", "-")))


def boolean(cell: Any) -> bool:
    """Raises BadCell."""
    if isinstance(cell, bool):
        return cell
    text = str(cell).strip().lower()
    if text in TRUE_TEXTS:
        return True
    if text in FALSE_TEXTS:
        return False
    raise BadCell("is neither yes nor no")


def put_value(target: value_pb2.Value, cell: Any, type_: str, zone: ZoneInfo) -> None:
    """Sets a value of a stated type. Raises BadCell."""
    match type_:
        case "number":
            target.number_value = number(cell)
        case "bool":
            target.bool_value = boolean(cell)
        case "date":
            put_scalar(target, date(cell))
        case "datetime":
            put_moment(target.datetime_value, moment(cell, zone))
        case "list":
            _put_list(target, cell, zone)
        case _:
            target.text_value = str(cell)


def _put_list(target: value_pb2.Value, cell: Any, zone: ZoneInfo) -> None:
    """A Parquet list, or JSON text. Numbers inside stay exact: JSON decimals are read as Decimal."""
    if isinstance(cell, str):
        try:
            cell = json.loads(cell, parse_float=Decimal)
        except (ValueError, RecursionError):
            raise BadCell("is not a JSON list") from None
    if not isinstance(cell, list):
        raise BadCell("is not a list")
    target.list_value.SetInParent()
    for element in cell:
        _put_untyped(target.list_value.values.add(), element, zone)


def _put_untyped(target: value_pb2.Value, element: Any, zone: ZoneInfo) -> None:
    match element:
        case bool():
            target.bool_value = element
        case int() | float() | Decimal():
            target.number_value = number(element)
        case dt.datetime():
            put_moment(target.datetime_value, moment(element, zone))
        case dt.date():
            put_scalar(target, element)
        case Mapping():
            target.record_value.SetInParent()
            for name, value in element.items():
                if value is not None and value != "":
                    _put_untyped(target.record_value.fields[name], value, zone)
        case _:
            target.text_value = str(element)
