"""Rows as records of the front door, by a mapping."""

import datetime as dt
from collections.abc import Mapping
from typing import Any

from huaxiang.identity.v1 import record_pb2
from huaxiang.type.v1 import value_pb2
from servicekit.values import put_moment

from cli.importing.mapping import FileMapping, ValueMapping
from cli.importing.values import BadCell, moment, put_value

CHANNELS = {
    "sms": record_pb2.CHANNEL_SMS,
    "wechat": record_pb2.CHANNEL_WECHAT,
    "push": record_pb2.CHANNEL_PUSH,
    "email": record_pb2.CHANNEL_EMAIL,
}
Cells = Mapping[str, Any]


class BadRow(ValueError):
    """A row that makes no record: which column, and what is wrong with it, without the value."""

    def __init__(self, column: str, problem: str) -> None:
        super().__init__(f"{column} {problem}")
        self.column = column
        self.problem = problem


def record_of(cells: Cells, mapping: FileMapping) -> record_pb2.Record:
    """The record of a row. An empty cell says nothing. Raises BadRow."""
    record = record_pb2.Record(
        source=mapping.source, brand=mapping.brand, record_id=record_id_of(cells, mapping)
    )
    time = time_of(cells, mapping.time, mapping)
    if time is None:
        raise BadRow(mapping.time, "is empty: a record needs its time")
    put_moment(record.time, time)
    for each in mapping.identifiers:
        if (cell := text_of(cells, each.column)) is not None:
            record.identifiers.add(namespace=each.namespace, value=cell, scope=each.scope)
    _put_event(record, cells, mapping)
    for name, value in mapping.attributes.items():
        if (cell := cells.get(value.column)) is not None and cell != "":
            _put(record.attributes[name], cell, value, mapping)
    for point in mapping.contact_points:
        if (cell := text_of(cells, point.column)) is not None:
            record.contact_points.add(channel=CHANNELS[point.channel], address=cell, scope=point.scope)
    _put_consents(record, cells, mapping)
    return record


def record_id_of(cells: Cells, mapping: FileMapping) -> str:
    """A record's id. Raises BadRow."""
    parts = []
    for part in mapping.record_id:
        if part.startswith("="):
            parts.append(part[1:])
        elif (cell := text_of(cells, part)) is not None:
            parts.append(cell)
        else:
            raise BadRow(part, "is empty: it is a part of the record's id")
    return ":".join(parts)


def _put_event(record: record_pb2.Record, cells: Cells, mapping: FileMapping) -> None:
    event = mapping.event
    if event is None:
        return
    type_ = event.type or text_of(cells, event.type_column)
    if type_ is None:
        raise BadRow(event.type_column, "is empty: it names the event's type")
    record.event.type = type_
    for name, value in event.properties.items():
        if (cell := cells.get(value.column)) is not None and cell != "":
            _put(record.event.properties[name], cell, value, mapping)


def _put(target: value_pb2.Value, cell: Any, value: ValueMapping, mapping: FileMapping) -> None:
    if value.values:
        cell = value.values.get(str(cell), cell)
    try:
        put_value(target, cell, value.type, mapping.zone)
    except BadCell as error:
        raise BadRow(value.column, str(error)) from None


def _put_consents(record: record_pb2.Record, cells: Cells, mapping: FileMapping) -> None:
    for each in mapping.consents:
        address, granted = text_of(cells, each.address_column), text_of(cells, each.granted_column)
        if address is None or granted is None:
            continue
        consent = record.consents.add(
            purpose=each.purpose,
            channel=CHANNELS[each.channel],
            address=address,
            scope=each.scope,
            granted=granted in each.granted_values,
            text_version=each.text_version,
        )
        time = time_of(cells, each.time_column, mapping) if each.time_column else None
        if time is not None:
            put_moment(consent.time, time)


def time_of(cells: Cells, column: str, mapping: FileMapping) -> dt.datetime | None:
    """A cell's moment, None for an empty one. Raises BadRow."""
    cell = cells.get(column)
    if cell is None or cell == "":
        return None
    try:
        return moment(cell, mapping.zone)
    except BadCell as error:
        raise BadRow(column, str(error)) from None


def text_of(cells: Cells, column: str) -> str | None:
    """A cell's text, None for an empty one."""
    cell = cells.get(column)
    if cell is None or cell == "":
        return None
    return cell if isinstance(cell, str) else str(cell)
