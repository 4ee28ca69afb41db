"""Rows as columns of a bulk import, by a mapping; what a row says is what its record would say."""

import datetime as dt
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb

from cli.exits import Exit, Refusal
from cli.importing.mapping import FileMapping, ValueMapping
from cli.importing.records import CHANNELS, BadRow, Cells, record_id_of, text_of, time_of
from cli.importing.rows import BrokenRow, read_rows
from cli.importing.values import BadCell, boolean, date, moment, number

ROWS_PER_MESSAGE = 5_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
_MICROSECOND = dt.timedelta(microseconds=1)
_MOMENTS = pa.timestamp("us", tz="UTC")
_TYPES = {
    "text": pa.string(),
    "number": pa.int64(),
    "bool": pa.bool_(),
    "date": pa.date32(),
    "datetime": _MOMENTS,
}
Read = Callable[[Cells], Any]


@dataclass(frozen=True)
class Fault:
    """A row that makes no record."""

    line: int
    column: str
    problem: str


@dataclass
class Chunk:
    """One message of rows. `lines` are the lines of its rows; `faults` are among them or right behind them."""

    first_row: int
    lines: list[int] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    rows: list[tuple[Any, ...]] = field(default_factory=list)


class ColumnPlan:
    """Which columns a mapping makes. Raises Refusal for a mapping that only single records can follow."""

    def __init__(self, mapping: FileMapping) -> None:
        _require_persons(mapping)
        self._mapping = mapping
        self._fields: list[tuple[str, pa.DataType]] = []
        self._reads: list[Read] = []
        self._add("record_id", pa.string(), lambda cells: record_id_of(cells, mapping))
        self._add("time", _MOMENTS, self._time)
        self._identifiers = [
            self._text(f"identifier_{n}", each.column) for n, each in enumerate(mapping.identifiers)
        ]
        self._attributes = {
            name: self._add(f"attribute_{name}", _TYPES[value.type], self._value(value))
            for name, value in mapping.attributes.items()
        }
        self._points = [
            self._text(f"contact_point_{n}", each.column) for n, each in enumerate(mapping.contact_points)
        ]
        self._consents = [self._consent(n) for n in range(len(mapping.consents))]

    def opening(self, import_id: str) -> pb.ImportOpening:
        """What the columns mean."""
        mapping = self._mapping
        return pb.ImportOpening(
            import_id=import_id,
            source=mapping.source,
            brand=mapping.brand,
            record_id_column="record_id",
            time_column="time",
            identifiers=[
                pb.IdentifierColumn(column=column, namespace=each.namespace, scope=each.scope)
                for column, each in zip(self._identifiers, mapping.identifiers, strict=True)
            ],
            attributes=[
                pb.AttributeColumn(column=column, attribute=name) for name, column in self._attributes.items()
            ],
            contact_points=[
                pb.ContactPointColumn(column=column, channel=CHANNELS[each.channel], scope=each.scope)
                for column, each in zip(self._points, mapping.contact_points, strict=True)
            ],
            consents=self._consents,
        )

    def row(self, cells: Cells) -> tuple[Any, ...]:
        """What a row says, by column. Raises BadRow."""
        return tuple([read(cells) for read in self._reads])

    def batch(self, rows: list[tuple[Any, ...]]) -> bytes:
        """Rows as an Arrow stream."""
        columns = zip(*rows, strict=True)
        arrays = [
            pa.array(column, type=kind) for column, (_, kind) in zip(columns, self._fields, strict=True)
        ]
        batch = pa.RecordBatch.from_arrays(arrays, schema=pa.schema(self._fields))
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema) as writer:
            writer.write_batch(batch)
        content: bytes = sink.getvalue().to_pybytes()
        return content

    def chunks(self, path: Path, encoding: str | None) -> Iterator[Chunk]:
        """A file's rows, always cut in the same places; the last chunk may have faults alone."""
        chunk = Chunk(0)
        for row in read_rows(path, encoding):
            if isinstance(row, BrokenRow):
                chunk.faults.append(Fault(row.line, "", row.problem))
                continue
            try:
                said = self.row(row.cells)
            except BadRow as error:
                chunk.faults.append(Fault(row.line, error.column, error.problem))
                continue
            if len(chunk.rows) == ROWS_PER_MESSAGE:
                yield chunk
                chunk = Chunk(chunk.first_row + len(chunk.rows))
            chunk.rows.append(said)
            chunk.lines.append(row.line)
        if chunk.rows or chunk.faults:
            yield chunk

    def _add(self, name: str, kind: pa.DataType, read: Read) -> str:
        self._fields.append((name, kind))
        self._reads.append(read)
        return name

    def _text(self, name: str, column: str) -> str:
        return self._add(name, pa.string(), lambda cells: text_of(cells, column))

    def _time(self, cells: Cells) -> int:
        time = time_of(cells, self._mapping.time, self._mapping)
        if time is None:
            raise BadRow(self._mapping.time, "is empty: a record needs its time")
        return _microseconds(time)

    def _value(self, value: ValueMapping) -> Read:
        read = self._reader(value.type)

        def attribute(cells: Cells) -> Any:
            cell = cells.get(value.column)
            if cell is None or cell == "":
                return None
            if value.values:
                cell = value.values.get(str(cell), cell)
            try:
                return read(cell)
            except BadCell as error:
                raise BadRow(value.column, str(error)) from None

        return attribute

    def _reader(self, type_: str) -> Callable[[Any], Any]:
        zone = self._mapping.zone
        readers: dict[str, Callable[[Any], Any]] = {
            "number": number,
            "bool": boolean,
            "date": date,
            "datetime": lambda cell: _microseconds(moment(cell, zone)),
        }
        return readers.get(type_, str)

    def _consent(self, n: int) -> pb.ConsentColumn:
        each = self._mapping.consents[n]

        def granted(cells: Cells) -> bool | None:
            said = text_of(cells, each.granted_column)
            return None if said is None else said in each.granted_values

        def said_at(cells: Cells) -> int | None:
            if text_of(cells, each.address_column) is None or text_of(cells, each.granted_column) is None:
                return None
            time = time_of(cells, each.time_column, self._mapping)
            return None if time is None else _microseconds(time)

        return pb.ConsentColumn(
            purpose=each.purpose,
            channel=CHANNELS[each.channel],
            address_column=self._text(f"consent_address_{n}", each.address_column),
            scope=each.scope,
            granted_column=self._add(f"consent_granted_{n}", pa.bool_(), granted),
            time_column=self._add(f"consent_time_{n}", _MOMENTS, said_at) if each.time_column else "",
            text_version=each.text_version,
        )


def _microseconds(moment: dt.datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND


def _require_persons(mapping: FileMapping) -> None:
    if mapping.event is not None:
        problem = "tells of events, and --bulk is for persons"
    elif mapping.lane != "bulk":
        problem = "is for the live lane, and --bulk is not"
    elif any(value.type == "list" for value in mapping.attributes.values()):
        problem = "has an attribute that is a list, which --bulk has no column for"
    else:
        return
    raise Refusal(f"the mapping {problem}: import it without --bulk", Exit.USAGE)
