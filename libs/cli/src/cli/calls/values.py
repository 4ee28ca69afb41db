"""Values of the contract as plain data for JSON and as text for people."""

import datetime as dt
from decimal import Decimal
from typing import Any

from huaxiang.type.v1 import value_pb2

SCALE = 10_000
EPOCH = dt.date(1970, 1, 1)
ABSENT = "-"


def plain(value: value_pb2.Value) -> Any:
    """None when unknown; a whole number as int, else the float nearest to its four decimals; dates in ISO 8601."""
    match value.WhichOneof("kind"):
        case "bool_value":
            return value.bool_value
        case "number_value":
            return unscaled(value.number_value)
        case "text_value":
            return value.text_value
        case "date_value":
            return (EPOCH + dt.timedelta(days=value.date_value)).isoformat()
        case "datetime_value":
            return value.datetime_value.ToDatetime(dt.UTC).isoformat()
        case "list_value":
            return [plain(each) for each in value.list_value.values]
        case "record_value":
            return {name: plain(each) for name, each in sorted(value.record_value.fields.items())}
    return None


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
            return value.datetime_value.ToDatetime(dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")
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
