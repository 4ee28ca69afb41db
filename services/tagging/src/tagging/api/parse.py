"""Values and moments of the contract as Python values."""

import datetime as dt
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.type.v1 import value_pb2
from rules.evaluate.meaning import Value
from rules.evaluate.person import PropertyValue

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
EPOCH_DAY = EPOCH.toordinal()


class NotAValue(ValueError):
    """A message that has no meaning as a value; the text says why."""


def moment(message: Timestamp) -> dt.datetime:
    """The aware moment, in UTC, exact to the microsecond."""
    return EPOCH + dt.timedelta(seconds=message.seconds, microseconds=message.nanos // 1_000)


def date_of(days: int) -> dt.date:
    """The date of days since 1970-01-01. Raises NotAValue outside the years 1 to 9999."""
    try:
        return dt.date.fromordinal(days + EPOCH_DAY)
    except (ValueError, OverflowError):
        raise NotAValue("is a date outside the years 1 to 9999") from None


def property_value(message: value_pb2.Value) -> PropertyValue | None:
    """A property's value; None is unknown. A record by itself is a list of one. Raises NotAValue."""
    kind = message.WhichOneof("kind")
    if kind == "list_value":
        elements = message.list_value.values
        if elements and elements[0].WhichOneof("kind") == "record_value":
            return tuple(_record(element) for element in elements)
        return tuple(_scalar(element, element.WhichOneof("kind")) for element in elements)
    if kind == "record_value":
        return (_record(message),)
    return _scalar(message, kind) if kind is not None else None


def value(message: value_pb2.Value) -> Value | None:
    """A value that is no record; None is unknown. Raises NotAValue."""
    kind = message.WhichOneof("kind")
    if kind == "list_value":
        return tuple(_scalar(each, each.WhichOneof("kind")) for each in message.list_value.values)
    return _scalar(message, kind) if kind is not None else None


def _record(message: value_pb2.Value) -> dict[str, Value]:
    if message.WhichOneof("kind") != "record_value":
        raise NotAValue("is a list of records and other values")
    found: dict[str, Value] = {}
    for name, each in message.record_value.fields.items():
        known = value(each)
        if known is not None:
            found[name] = known
    return found


def _scalar(message: value_pb2.Value, kind: str | None) -> Any:
    match kind:
        case "number_value":
            return message.number_value
        case "text_value":
            return message.text_value
        case "bool_value":
            return message.bool_value
        case "date_value":
            return date_of(message.date_value)
        case "datetime_value":
            return moment(message.datetime_value)
        case _:
            raise NotAValue("is a record or a list where a plain value is needed")
