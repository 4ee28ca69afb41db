"""The record batch of a message of rows: its columns as the opening types them, and single rows as records."""

import struct
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from servicekit.arrow_body import is_compressed, unfolded_bytes
from servicekit.errors import BatchTooLarge, InvalidField

from identity.api import plain_columns
from identity.domain.attributes import AttributeDictionary, ValueType

MAX_ROWS = 10_000
MAX_UNFOLDED_BYTES = 16 * 1024 * 1024
"""Of all columns of a batch whose rows share their texts, each row with its own copy."""
MOMENTS = pa.timestamp("us", tz="UTC")
_TYPE_OF_VALUE: Mapping[ValueType, pa.DataType] = {
    ValueType.TEXT: pa.string(),
    ValueType.NUMBER: pa.int64(),
    ValueType.BOOL: pa.bool_(),
    ValueType.DATE: pa.date32(),
    ValueType.DATETIME: MOMENTS,
}


class Batch:
    """A record batch's columns by name, of the types that the opening says."""

    def __init__(self, batch: pa.RecordBatch, dictionary: AttributeDictionary) -> None:
        self._batch = batch
        self._dictionary = dictionary
        self._cells: dict[tuple[str, str], pa.Array] = {}
        self._unfolded_bytes = 0
        self.count = batch.num_rows

    def type_of(self, attribute: str) -> pa.DataType:
        """The type of an attribute's column."""
        return _TYPE_OF_VALUE[self._dictionary.definitions[attribute].type]

    def cells(self, column: str, type_: pa.DataType) -> pa.Array:
        """A column. Raises InvalidField when it is missing, there twice, or of another type, BatchTooLarge when its
        texts become too long."""
        place = column, str(type_)
        if place not in self._cells:
            indexes = self._batch.schema.get_all_field_indices(column)
            if len(indexes) != 1:
                raise InvalidField("rows.record_batch", f"has {len(indexes)} columns {column}, not one")
            found = self._batch.column(indexes[0])
            if found.type != type_:
                try:
                    found = self._cast(found, type_)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                    raise InvalidField(
                        "rows.record_batch", f"has a column {column} of type {found.type}, not {type_}"
                    ) from error
            self._cells[place] = found
        return self._cells[place]

    def _cast(self, found: pa.Array, type_: pa.DataType) -> pa.Array:
        """A column of nulls, a text of another layout, or moments of another unit."""
        text = type_ == pa.string() and _is_text(found.type)
        moments = type_ == MOMENTS and pa.types.is_timestamp(found.type) and found.type.tz is not None
        if not (text or moments or pa.types.is_null(found.type)):
            raise pa.ArrowInvalid("another type")
        if text:
            self._unfolded_bytes += unfolded_bytes(found)
            if self._unfolded_bytes > MAX_UNFOLDED_BYTES:
                raise BatchTooLarge("rows.record_batch", self._unfolded_bytes, MAX_UNFOLDED_BYTES)
        return found.cast(type_)

    def cell(self, column: str, type_: pa.DataType, row: int) -> Any:
        """One cell as `plain_columns.plain_cells` gives it."""
        return plain_columns.plain_cells(self.cells(column, type_).slice(row, 1))[0]


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        type_ = type_.value_type
    return bool(
        pa.types.is_large_string(type_) or pa.types.is_string_view(type_) or pa.types.is_string(type_)
    )


def read_batch(content: bytes) -> pa.RecordBatch:
    """Raises InvalidField, BatchTooLarge."""
    try:
        if is_compressed(content):
            raise InvalidField("rows.record_batch", "is compressed: send it without compression")
        with pa.ipc.open_stream(content) as reader:
            batches = [batch for batch, _ in zip(reader, range(2), strict=False)]
        if len(batches) != 1:
            raise InvalidField("rows.record_batch", "is not an Arrow stream of one record batch")
        batches[0].validate(full=True)
    except (pa.ArrowException, OSError, ValueError, struct.error, IndexError) as error:
        raise InvalidField("rows.record_batch", "is not an Arrow IPC stream that can be read") from error
    if batches[0].num_rows > MAX_ROWS:
        raise BatchTooLarge("rows", batches[0].num_rows, MAX_ROWS)
    if not batches[0].num_rows:
        raise InvalidField("rows.record_batch", "has no rows")
    return batches[0]


def message_of(message: pb.ImportOpening, batch: Batch, row: int) -> record_pb2.Record:
    """A row as the record that IngestEvents would have got."""
    record = record_pb2.Record(
        source=message.source,
        brand=message.brand,
        record_id=batch.cell(message.record_id_column, pa.string(), row) or "",
    )
    _put_time(record, "time", batch.cell(message.time_column, MOMENTS, row))
    for each in message.identifiers:
        if (cell := batch.cell(each.column, pa.string(), row)) is not None:
            record.identifiers.add(
                namespace=each.namespace, value=cell, scope=each.scope, verified=each.verified
            )
    for attribute in message.attributes:
        type_ = batch.type_of(attribute.attribute)
        if (cell := batch.cell(attribute.column, type_, row)) is not None:
            record.attributes[attribute.attribute].CopyFrom(plain_columns.value_of(type_, cell))
    for point in message.contact_points:
        if (cell := batch.cell(point.column, pa.string(), row)) is not None:
            record.contact_points.add(channel=point.channel, address=cell, scope=point.scope)
    for said in message.consents:
        address = batch.cell(said.address_column, pa.string(), row)
        granted = batch.cell(said.granted_column, pa.bool_(), row)
        if address is None or granted is None:
            continue
        consent = record.consents.add(
            purpose=said.purpose,
            channel=said.channel,
            address=address,
            scope=said.scope,
            granted=granted,
            text_version=said.text_version,
        )
        if said.time_column:
            _put_time(consent, "time", batch.cell(said.time_column, MOMENTS, row))
    return record


def _put_time(message: Any, field: str, time_us: int | None) -> None:
    if time_us is not None:
        seconds, rest_us = divmod(time_us, 1_000_000)
        target = getattr(message, field)
        target.seconds, target.nanos = seconds, rest_us * 1_000
