"""The contract's values (huaxiang.type.v1.Value) and moments as Python's, exact to the microsecond.

bool, int (a number times 10,000), str, date and aware datetime in UTC. Lists and records are for the services:
what an unknown element means differs among them.
"""

import datetime as dt
from typing import TypeAlias

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.type.v1 import value_pb2

Scalar: TypeAlias = bool | int | str | dt.date | dt.datetime

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MIN_DATE_DAYS = dt.date.min.toordinal() - EPOCH.toordinal()
MAX_DATE_DAYS = dt.date.max.toordinal() - EPOCH.toordinal()
_DAY_S = 86_400
_NANOS = 1_000_000_000


class NotAValue(ValueError):
    """A message that has no meaning as a value; the text says why, and quotes nothing of it."""


def date_problem(days: int) -> str:
    """What keeps days since 1970-01-01 from being a date, "" when nothing does."""
    return "" if MIN_DATE_DAYS <= days <= MAX_DATE_DAYS else "is a date outside the years 1 to 9999"


def time_problem(message: Timestamp) -> str:
    """What keeps a message from being a moment, "" when nothing does."""
    if not 0 <= message.nanos < _NANOS:
        return f"has {message.nanos} nanoseconds, not 0 to {_NANOS - 1}"
    if date_problem(message.seconds // _DAY_S):
        return "is a time outside the years 1 to 9999"
    return ""


def microseconds(message: Timestamp) -> int:
    """Since 1970, of a moment that `time_problem` lets pass."""
    return message.seconds * 1_000_000 + message.nanos // 1_000


def timestamp(time_us: int) -> Timestamp:
    """The message of microseconds since 1970."""
    seconds, rest_us = divmod(time_us, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest_us * 1_000)


def put_moment(message: Timestamp, moment: dt.datetime) -> None:
    """Sets a message to a moment, exact to the microsecond. Raises ValueError for one without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a zone")
    since = moment - EPOCH
    message.seconds = since.days * _DAY_S + since.seconds
    message.nanos = since.microseconds * 1_000


def timestamp_of(moment: dt.datetime) -> Timestamp:
    """The message of a moment, exact to the microsecond. Raises ValueError for one without a zone."""
    message = Timestamp()
    put_moment(message, moment)
    return message


def moment(message: Timestamp) -> dt.datetime:
    """Aware, in UTC. Raises NotAValue."""
    if problem := time_problem(message):
        raise NotAValue(problem)
    return EPOCH + dt.timedelta(microseconds=microseconds(message))


def date_of(days: int) -> dt.date:
    """The date of days since 1970-01-01. Raises NotAValue."""
    if problem := date_problem(days):
        raise NotAValue(problem)
    return dt.date.fromordinal(days + EPOCH.toordinal())


def days_of(date: dt.date) -> int:
    """Days since 1970-01-01."""
    return date.toordinal() - EPOCH.toordinal()


def scalar(message: value_pb2.Value) -> Scalar | None:
    """None is unknown. Raises NotAValue for a list, a record, and what is no date or moment."""
    match message.WhichOneof("kind"):
        case None:
            return None
        case "bool_value":
            return message.bool_value
        case "number_value":
            return message.number_value
        case "text_value":
            return message.text_value
        case "date_value":
            return date_of(message.date_value)
        case "datetime_value":
            return moment(message.datetime_value)
        case _:
            raise NotAValue("is a record or a list where a plain value is needed")


def put_scalar(message: value_pb2.Value, value: Scalar) -> None:
    """Sets a message to a value. Raises ValueError for a moment without a zone."""
    match value:
        case bool():
            message.bool_value = value
        case int():
            message.number_value = value
        case str():
            message.text_value = value
        case dt.datetime():
            put_moment(message.datetime_value, value)
        case dt.date():
            message.date_value = days_of(value)
