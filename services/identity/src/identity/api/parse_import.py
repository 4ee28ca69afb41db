"""From the messages of an import to the domain: the opening's columns, and rows of which most are plain."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from servicekit.errors import BatchTooLarge, InvalidField

from identity.api import plain_columns, record_wire, wire
from identity.api.parse_records import (
    MAX_ATTRIBUTES,
    MAX_BRAND_CHARS,
    MAX_CONSENTS,
    MAX_CONTACT_POINTS,
    MAX_IDENTIFIERS,
    MAX_TEXT_VERSION_CHARS,
    RecordParser,
)
from identity.api.plain_columns import ColumnNormaliser
from identity.api.record_wire import DIGEST_BYTES
from identity.api.values import name_is_valid
from identity.domain.attributes import AttributeDictionary, Release, ValueType
from identity.domain.bulk_rows import (
    AddressColumn,
    AttributeColumn,
    ConsentCells,
    ConsentColumn,
    IdentifierColumn,
    Opening,
    ParsedRows,
    PlainRows,
)
from identity.domain.consents import Channel
from identity.domain.normalise import scope_is_valid
from identity.domain.policy import Form, Policy
from identity.domain.record import MAX_FUTURE_S

MAX_ROWS = 10_000
MAX_IMPORT_ID_CHARS = 64
_NAME_HINT = "is not 1 to 64 characters of a-z, 0-9 and _"
_SCOPE_HINT = "is not at most 64 characters of A-Z, a-z, 0-9 and _ . : -"
_MOMENTS = pa.timestamp("us", tz="UTC")
_FORM_OF_CHANNEL = {
    Channel.SMS: Form.PHONE,
    Channel.WECHAT: Form.TOKEN,
    Channel.PUSH: Form.TOKEN,
    Channel.EMAIL: Form.EMAIL,
}
_SCOPED_CHANNELS = frozenset({Channel.WECHAT, Channel.PUSH})
_TYPE_OF_VALUE: Mapping[ValueType, pa.DataType] = {
    ValueType.TEXT: pa.string(),
    ValueType.NUMBER: pa.int64(),
    ValueType.BOOL: pa.bool_(),
    ValueType.DATE: pa.date32(),
    ValueType.DATETIME: _MOMENTS,
}


class ImportParser:
    """Parses under one policy and dictionary."""

    def __init__(
        self,
        policy: Policy,
        columns: ColumnNormaliser,
        dictionary: AttributeDictionary,
        records: RecordParser,
    ) -> None:
        self._policy = policy
        self._columns = columns
        self._dictionary = dictionary
        self._records = records

    def opening(self, message: pb.ImportOpening) -> Opening:
        """Raises InvalidField, BatchTooLarge."""
        _check_opening(message)
        digest = hashlib.blake2b(message.SerializeToString(deterministic=True), digest_size=DIGEST_BYTES)
        return Opening(
            message.import_id,
            digest.digest(),
            message.source,
            message.brand,
            message.record_id_column,
            message.time_column,
            tuple(
                self._identifier(f"opening.identifiers[{index}]", each, message.source)
                for index, each in enumerate(message.identifiers)
            ),
            self._attributes(message.attributes),
            tuple(
                _address_column(f"opening.contact_points[{index}]", each.column, each.channel, each.scope)
                for index, each in enumerate(message.contact_points)
            ),
            tuple(
                _consent(f"opening.consents[{index}]", each) for index, each in enumerate(message.consents)
            ),
        )

    def rows(
        self, message: pb.ImportOpening, opening: Opening, rows: pb.ImportRows, now_us: int
    ) -> ParsedRows:
        """One message of rows; `message` is what `opening` was parsed from. Raises InvalidField, BatchTooLarge."""
        if rows.first_row < 0:
            raise InvalidField("rows.first_row", "is negative")
        batch = _Batch(_read(rows.record_batch), self._dictionary, opening)
        normal = self._normal(message, opening, batch, now_us)
        plain, odd = normal
        names = batch.cells(opening.record_id_column, pa.string()).to_pylist()
        others = [_message_of(message, batch, row) for row in odd]
        arrivals = self._records.parse(others, now_us)
        return ParsedRows(
            rows.first_row,
            batch.count,
            plain,
            [(row, names[row] or "", arrival) for row, arrival in zip(odd, arrivals, strict=True)],
        )

    def _identifier(self, field: str, each: pb.IdentifierColumn, source: str) -> IdentifierColumn:
        _require(f"{field}.column", bool(each.column), "is empty: name the column")
        known = ", ".join(self._policy.namespaces)
        _require(
            f"{field}.namespace",
            each.namespace in self._policy.namespaces,
            f"is not a declared namespace: use one of {known}",
        )
        _require(f"{field}.scope", scope_is_valid(each.scope), _SCOPE_HINT)
        scope = self._policy.scope_of(each.namespace, each.scope, source)
        return IdentifierColumn(each.column, each.namespace, scope, each.verified)

    def _attributes(self, columns: Sequence[pb.AttributeColumn]) -> tuple[AttributeColumn, ...]:
        found: list[AttributeColumn] = []
        for index, each in enumerate(columns):
            field = f"opening.attributes[{index}]"
            _require(f"{field}.column", bool(each.column), "is empty: name the column")
            declared = self._dictionary.definitions.get(each.attribute)
            known = ", ".join(self._dictionary.definitions)
            if declared is None:
                raise InvalidField(f"{field}.attribute", f"is not declared: use one of {known}")
            _require(
                f"{field}.attribute",
                all(other.name != each.attribute for other in found),
                "is that of another column, too",
            )
            found.append(AttributeColumn(each.column, each.attribute, declared.release is not Release.OPEN))
        return tuple(found)

    def _normal(
        self, message: pb.ImportOpening, opening: Opening, batch: "_Batch", now_us: int
    ) -> tuple[PlainRows, list[int]]:
        """The plain rows, and the places of all others."""
        ids = plain_columns.record_ids(batch.cells(opening.record_id_column, pa.string()))
        odd = ids.odd
        times = _times(batch.cells(opening.time_column, _MOMENTS), now_us, odd)
        raw = [batch.cells(each.column, pa.string()) for each in opening.identifiers]
        identifiers = [
            self._columns.column(self._policy.namespaces[each.namespace].form, cells)
            for each, cells in zip(opening.identifiers, raw, strict=True)
        ]
        before = [
            record_wire.identifiers(cells.to_pylist(), each.namespace, each.scope, verified=each.verified)
            for each, cells in zip(message.identifiers, raw, strict=True)
        ]
        values = [
            plain_columns.attribute_values(
                batch.cells(each.column, batch.type_of(each.name)), self._dictionary.definitions[each.name]
            )
            for each in opening.attributes
        ]
        after = [
            record_wire.attributes(sent, each.name)
            for each, (sent, _, _) in sorted(
                zip(opening.attributes, values, strict=True), key=lambda pair: pair[0].name
            )
        ]
        consents, chunks = self._consents(opening, batch, times, now_us, odd)
        after += chunks
        raw_points = [batch.cells(each.column, pa.string()) for each in opening.contact_points]
        points = [
            self._columns.column(_FORM_OF_CHANNEL[each.channel], cells)
            for each, cells in zip(opening.contact_points, raw_points, strict=True)
        ]
        after += [
            record_wire.contact_points(cells.to_pylist(), int(each.channel), each.scope)
            for each, cells in zip(opening.contact_points, raw_points, strict=True)
        ]
        for column in (*identifiers, *points):
            odd |= column.odd
        for _, _, found in values:
            odd |= found
        named = [column.values for column in identifiers]
        odd |= (
            {row for row, cells in enumerate(zip(*named, strict=True)) if not any(cells)}
            if named
            else set(range(batch.count))
        )
        texts = [value or "" for value in ids.values]
        digests = record_wire.digests(opening.source, opening.brand, texts, times, before, after)
        everything = PlainRows(
            range(batch.count),
            texts,
            digests,
            [min(time_us, now_us) for time_us in times],
            named,
            [normal for _, normal, _ in values],
            self._verified(opening, named, batch.count),
            [column.values for column in points],
            consents,
        )
        return everything.without(odd), sorted(odd)

    def _consents(
        self, opening: Opening, batch: "_Batch", times: list[int], now_us: int, odd: set[int]
    ) -> tuple[list[ConsentCells], list[record_wire.Chunks]]:
        found: list[ConsentCells] = []
        chunks: list[record_wire.Chunks] = []
        for each in opening.consents:
            raw = batch.cells(each.at.column, pa.string())
            granted: list[bool | None] = batch.cells(each.granted_column, pa.bool_()).to_pylist()
            stated = [
                None if given is None else address
                for address, given in zip(raw.to_pylist(), granted, strict=True)
            ]
            normal = self._columns.column(
                _FORM_OF_CHANNEL[each.at.channel], pa.array(stated, type=pa.string())
            )
            odd |= normal.odd
            said, said_fields = _consent_times(each, batch, times, now_us, odd)
            found.append(ConsentCells(normal.values, granted, said))
            chunks.append(
                record_wire.consents(
                    each.purpose,
                    int(each.at.channel),
                    stated,
                    each.at.scope,
                    granted,
                    said_fields,
                    each.text_version,
                )
            )
        return found, chunks

    def _verified(
        self, opening: Opening, named: Sequence[Sequence[str | None]], count: int
    ) -> Sequence[bool]:
        """Whether an identifier of each row's highest priority is verified."""
        if not any(column.verified for column in opening.identifiers):
            return [False] * count
        priorities = [self._policy.namespaces[column.namespace].priority for column in opening.identifiers]
        found: list[bool] = []
        for cells in zip(*named, strict=True):
            present = [place for place, cell in enumerate(cells) if cell is not None]
            highest = min((priorities[place] for place in present), default=0)
            found.append(
                any(opening.identifiers[place].verified for place in present if priorities[place] == highest)
            )
        return found


class _Batch:
    """A record batch's columns by name, of the types that the opening says."""

    def __init__(self, batch: pa.RecordBatch, dictionary: AttributeDictionary, opening: Opening) -> None:
        self._batch = batch
        self._dictionary = dictionary
        self._cells: dict[tuple[str, str], pa.Array] = {}
        self.count = batch.num_rows
        self.opening = opening

    def type_of(self, attribute: str) -> pa.DataType:
        """The type of an attribute's column."""
        return _TYPE_OF_VALUE[self._dictionary.definitions[attribute].type]

    def cells(self, column: str, type_: pa.DataType) -> pa.Array:
        """A column. Raises InvalidField when it is missing, there twice, or of another type."""
        place = column, str(type_)
        if place not in self._cells:
            indexes = self._batch.schema.get_all_field_indices(column)
            if len(indexes) != 1:
                raise InvalidField("rows.record_batch", f"has {len(indexes)} columns {column}, not one")
            found = self._batch.column(indexes[0])
            if found.type != type_:
                try:
                    found = _cast(found, type_)
                except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                    raise InvalidField(
                        "rows.record_batch", f"has a column {column} of type {found.type}, not {type_}"
                    ) from error
            self._cells[place] = found
        return self._cells[place]

    def cell(self, column: str, type_: pa.DataType, row: int) -> Any:
        """One cell as `plain_columns.plain_cells` gives it."""
        return plain_columns.plain_cells(self.cells(column, type_).slice(row, 1))[0]


def _cast(found: pa.Array, type_: pa.DataType) -> pa.Array:
    """A column of nulls, a text of another layout, or moments of another unit."""
    same = (
        pa.types.is_null(found.type)
        or (type_ == pa.string() and _is_text(found.type))
        or (type_ == _MOMENTS and pa.types.is_timestamp(found.type) and found.type.tz is not None)
    )
    if not same:
        raise pa.ArrowInvalid("another type")
    return found.cast(type_)


def _is_text(type_: pa.DataType) -> bool:
    if pa.types.is_dictionary(type_):
        return _is_text(type_.value_type)
    return bool(
        pa.types.is_large_string(type_) or pa.types.is_string_view(type_) or pa.types.is_string(type_)
    )


def _read(content: bytes) -> pa.RecordBatch:
    """Raises InvalidField, BatchTooLarge."""
    try:
        with pa.ipc.open_stream(content) as reader:
            batches = [batch for batch, _ in zip(reader, range(2), strict=False)]
        if len(batches) != 1:
            raise InvalidField("rows.record_batch", "is not an Arrow stream of one record batch")
        batches[0].validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise InvalidField("rows.record_batch", "is not an Arrow IPC stream that can be read") from error
    if batches[0].num_rows > MAX_ROWS:
        raise BatchTooLarge("rows", batches[0].num_rows, MAX_ROWS)
    if not batches[0].num_rows:
        raise InvalidField("rows.record_batch", "has no rows")
    return batches[0]


def _times(cells: pa.Array, now_us: int, odd: set[int]) -> list[int]:
    """Moments as microseconds; rows whose moment is missing or out of range are odd."""
    latest_us = now_us + MAX_FUTURE_S * 1_000_000
    times: list[int] = []
    for row, time_us in enumerate(cells.cast(pa.int64()).to_pylist()):
        if time_us is None or not 0 <= time_us <= latest_us:
            odd.add(row)
            times.append(0)
        else:
            times.append(time_us)
    return times


def _consent_times(
    each: ConsentColumn, batch: _Batch, times: list[int], now_us: int, odd: set[int]
) -> tuple[list[int], list[bytes]]:
    """When the person said so, and the field that was sent: nothing where the record's time stands for it."""
    clamped = [min(time_us, now_us) for time_us in times]
    if not each.time_column:
        return clamped, [b""] * batch.count
    cells = batch.cells(each.time_column, _MOMENTS)
    stated = cells.cast(pa.int64()).to_pylist()
    wrong: set[int] = set()
    known = _times(cells, now_us, wrong)
    odd |= {row for row in wrong if stated[row] is not None}
    said = [
        record_us if time_us is None else min(found, now_us)
        for record_us, time_us, found in zip(clamped, stated, known, strict=True)
    ]
    fields = [
        b"" if time_us is None else wire.field(6, record_wire.moment(found))
        for time_us, found in zip(stated, known, strict=True)
    ]
    return said, fields


def _message_of(message: pb.ImportOpening, batch: _Batch, row: int) -> record_pb2.Record:
    """A row as the record that IngestEvents would have got."""
    record = record_pb2.Record(
        source=message.source,
        brand=message.brand,
        record_id=batch.cell(message.record_id_column, pa.string(), row) or "",
    )
    _put_time(record, "time", batch.cell(message.time_column, _MOMENTS, row))
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
            _put_time(consent, "time", batch.cell(said.time_column, _MOMENTS, row))
    return record


def _put_time(message: Any, field: str, time_us: int | None) -> None:
    if time_us is not None:
        seconds, rest_us = divmod(time_us, 1_000_000)
        target = getattr(message, field)
        target.seconds, target.nanos = seconds, rest_us * 1_000


def _check_opening(message: pb.ImportOpening) -> None:
    id_ = message.import_id.replace("-", "_")
    _require(
        "opening.import_id",
        len(id_) <= MAX_IMPORT_ID_CHARS and name_is_valid(id_),
        "is not 1 to 64 characters of a-z, 0-9, _ and -",
    )
    _require("opening.source", name_is_valid(message.source), _NAME_HINT)
    brand = message.brand.replace("-", "_")
    _require(
        "opening.brand",
        not brand or (len(brand) <= MAX_BRAND_CHARS and name_is_valid(brand)),
        f"is not at most {MAX_BRAND_CHARS} of a-z, 0-9, _ and -",
    )
    for name in ("record_id_column", "time_column"):
        _require(f"opening.{name}", bool(getattr(message, name)), "is empty: name the column")
    for name, limit in (
        ("identifiers", MAX_IDENTIFIERS),
        ("attributes", MAX_ATTRIBUTES),
        ("contact_points", MAX_CONTACT_POINTS),
        ("consents", MAX_CONSENTS),
    ):
        count = len(getattr(message, name))
        if count > limit:
            raise BatchTooLarge(f"opening.{name}", count, limit)


def _address_column(field: str, column: str, channel: int, scope: str) -> AddressColumn:
    _require(f"{field}.column", bool(column), "is empty: name the column")
    _require(
        f"{field}.channel",
        channel in record_pb2.Channel.values() and channel != record_pb2.CHANNEL_UNSPECIFIED,
        "is not one of SMS, WECHAT, PUSH, EMAIL",
    )
    _require(f"{field}.scope", scope_is_valid(scope), _SCOPE_HINT)
    known = Channel(channel)
    _require(
        f"{field}.scope", not scope or known in _SCOPED_CHANNELS, "must be empty for phones and mailboxes"
    )
    return AddressColumn(column, known, scope)


def _consent(field: str, each: pb.ConsentColumn) -> ConsentColumn:
    _require(f"{field}.purpose", name_is_valid(each.purpose), _NAME_HINT)
    _require(f"{field}.granted_column", bool(each.granted_column), "is empty: name the column")
    version = each.text_version
    _require(
        f"{field}.text_version",
        len(version) <= MAX_TEXT_VERSION_CHARS and version.isprintable(),
        f"is not at most {MAX_TEXT_VERSION_CHARS} printable characters",
    )
    at = _address_column(field, each.address_column, each.channel, each.scope)
    return ConsentColumn(each.purpose, at, each.granted_column, each.time_column, version)


def _require(field: str, holds: bool, problem: str) -> None:
    if not holds:
        raise InvalidField(field, problem)
