"""Values of the contract as plain data for JSON and as text for people."""

import datetime as dt
from decimal import Decimal
from typing import Any

from huaxiang.type.v1 import value_pb2
from servicekit.values import moment, scalar

SCALE = 10_000
ABSENT = "-"


def plain(value: value_pb2.Value) -> Any:
    """None when unknown; a whole number as int, else the float nearest to its four decimals; dates in ISO 8601."""
    match value.WhichOneof("kind"):
        case "number_value":
            return unscaled(value.number_value)
        case "list_value":
            return [plain(each) for each in value.list_value.values]
        case "record_value":
            return {name: plain(each) for name, each in sorted(value.record_value.fields.items())}
        case _:
            said = scalar(value)
            return said.isoformat() if isinstance(said, dt.date) else said


def shown(value: value_pb2.Value) -> str:
    """For people."""
    match value.WhichOneof("kind"):
        case None:
            return ABSENT
        case "bool_value":
            return "yes" if value.bool_value else "no"
        case "number_value":
            return amount(value.number_value)
        case "datetime_value":
            return moment(value.datetime_value).astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        case "list_value":
            return ", ".join(shown(each) for each in value.list_value.values)
        case "record_value":
            return ", ".join(
                f"{name} {shown(each)}" for name, each in sorted(value.record_value.fields.items())
            )
    return str(plain(value))


def unscaled(number: int) -> int | float:
    """A fixed-point number of four decimals as JSON can say it."""
    return number // SCALE if number % SCALE == 0 else float(Decimal(number) / SCALE)


def amount(number: int) -> str:
    """Exact, with thousands separated and no idle zeros."""
    text = f"{Decimal(number) / SCALE:,.4f}".rstrip("0")
    return text.removesuffix(".")
