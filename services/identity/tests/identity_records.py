"""Builds records."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import identifier_pb2, record_pb2
from huaxiang.type.v1 import value_pb2

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def stamp(time: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(time)
    return message


def identifiers(scope: str = "", /, **values: str) -> list[identifier_pb2.Identifier]:
    return [
        identifier_pb2.Identifier(namespace=namespace, value=value, scope=scope)
        for namespace, value in values.items()
    ]


def record(
    record_id: str, identifiers: Iterable[identifier_pb2.Identifier] = (), /, **fields: Any
) -> record_pb2.Record:
    defaults = {"source": "shop", "record_id": record_id, "time": stamp(NOW), "identifiers": identifiers}
    return record_pb2.Record(**(defaults | fields))


def text(value: str) -> value_pb2.Value:
    return value_pb2.Value(text_value=value)


def order(**properties: value_pb2.Value) -> record_pb2.Event:
    return record_pb2.Event(type="order_paid", properties=properties)
