"""From the messages of an import to the domain: of most rows whole columns, of all others the record that each is."""

import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from servicekit.errors import InvalidField

from identity.api import plain_columns, record_wire, wire
from identity.api.import_batch import MOMENTS, Batch, message_of, read_batch
from identity.api.parse_opening import parse_opening
from identity.api.parse_records import FORM_OF_CHANNEL, RecordParser
from identity.api.plain_columns import ColumnNormaliser
from identity.domain.attributes import AttributeDictionary
from identity.domain.bulk_rows import ConsentCells, ConsentColumn, Opening, ParsedRows, PlainRows
from identity.domain.policy import Policy
from identity.domain.record import MAX_FUTURE_S


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

    def under(self, policy: Policy) -> "ImportParser":
        """A parser that takes the policy's own namespaces, too; itself where it has none."""
        if policy.namespaces.keys() == self._policy.namespaces.keys():
            return self
        return ImportParser(
            policy, self._columns.under(policy), self._dictionary, self._records.under(policy)
        )

    def opening(self, message: pb.ImportOpening) -> Opening:
        """Raises InvalidField, BatchTooLarge."""
        return parse_opening(message, self._policy, self._dictionary)

    def rows(
        self, message: pb.ImportOpening, opening: Opening, rows: pb.ImportRows, now_us: int
    ) -> ParsedRows:
        """One message of rows; `message` is what `opening` was parsed from. Raises InvalidField, BatchTooLarge."""
        if rows.first_row < 0:
            raise InvalidField("rows.first_row", "is negative")
        batch = Batch(read_batch(rows.record_batch), self._dictionary)
        plain, odd = self._normal(message, opening, batch, now_us)
        names = batch.cells(opening.record_id_column, pa.string()).to_pylist()
        others = [message_of(message, batch, row) for row in odd]
        arrivals = self._records.parse(others, now_us)
        return ParsedRows(
            rows.first_row,
            batch.count,
            plain,
            [(row, names[row] or "", arrival) for row, arrival in zip(odd, arrivals, strict=True)],
        )

    def _normal(
        self, message: pb.ImportOpening, opening: Opening, batch: Batch, now_us: int
    ) -> tuple[PlainRows, list[int]]:
        """The plain rows, and the places of all others."""
        ids = plain_columns.record_ids(batch.cells(opening.record_id_column, pa.string()))
        odd = ids.odd
        times = _times(batch.cells(opening.time_column, MOMENTS), now_us, odd)
        raw = [batch.cells(each.column, pa.string()) for each in opening.identifiers]
        identifiers = [
            self._columns.identifiers(self._policy.namespaces[each.namespace], cells)
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
            self._columns.column(FORM_OF_CHANNEL[each.channel], cells)
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
            [column.values for column in points],
            consents,
        )
        return everything.without(odd), sorted(odd)

    def _consents(
        self, opening: Opening, batch: Batch, times: list[int], now_us: int, odd: set[int]
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
                FORM_OF_CHANNEL[each.at.channel], pa.array(stated, type=pa.string())
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
    each: ConsentColumn, batch: Batch, times: list[int], now_us: int, odd: set[int]
) -> tuple[list[int], list[bytes]]:
    """When the person said so, and the field that was sent: nothing where the record's time stands for it."""
    clamped = [min(time_us, now_us) for time_us in times]
    if not each.time_column:
        return clamped, [b""] * batch.count
    cells = batch.cells(each.time_column, MOMENTS)
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
