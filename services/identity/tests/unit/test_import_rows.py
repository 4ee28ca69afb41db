"""Rows of an import are read as IngestEvents reads their records."""

import json
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from hypothesis import given
from hypothesis import strategies as st
from identity.api.import_batch import read_batch
from identity.api.parse_import import ImportParser
from identity.api.parse_records import RecordParser
from identity.api.plain_columns import ColumnNormaliser
from identity.domain.bulk_rows import ParsedRows
from identity.domain.normalise import Normaliser, Unusable
from identity.domain.policy import Form, parse_policy
from identity.domain.record import Arrival
from identity.standards.load import load_standards, policy_document
from import_files import CELLS, OPENING, ROWS, TIMES, Row, batch_of, message_of
from servicekit.errors import BatchTooLarge, InvalidField

NOW_US = int(datetime(2026, 5, 1, 12, tzinfo=UTC).timestamp() * 1_000_000)
STANDARDS = load_standards()


def parsers() -> tuple[ImportParser, RecordParser]:
    normaliser = Normaliser(STANDARDS.policy, STANDARDS.blocked)
    records = RecordParser(STANDARDS.policy, normaliser, STANDARDS.attributes, STANDARDS.closed_properties)
    columns = ColumnNormaliser(normaliser, STANDARDS.blocked)
    return ImportParser(STANDARDS.policy, columns, STANDARDS.attributes, records), records


def parsed(rows: list[Row], opening: pb.ImportOpening = OPENING) -> ParsedRows:
    parser, _ = parsers()
    message = pb.ImportRows(first_row=0, record_batch=batch_of(rows))
    return parser.rows(opening, parser.opening(opening), message, NOW_US)


def arrivals(rows: ParsedRows, opening: pb.ImportOpening = OPENING) -> list[Arrival]:
    """All rows as the front door's, in order."""
    known = parsers()[0].opening(opening)
    found = {row: arrival for row, _, arrival in rows.others}
    plain = rows.plain
    for at, row in enumerate(plain.rows):
        found[row] = Arrival(plain.record(known, at), ())
    return [found[row] for row in range(rows.count)]


def in_order(arrival: Arrival) -> Arrival:
    """With its attributes by name: a map has no order."""
    record = arrival.record
    if record is not None:
        record = record._replace(attributes=tuple(sorted(record.attributes, key=lambda said: said.name)))
    return Arrival(record, tuple(sorted(arrival.refusals, key=lambda refusal: refusal.field)))


@given(ROWS.filter(bool))
def test_rows_are_read_as_their_records(rows: list[Row]) -> None:
    _, records = parsers()
    front_door = records.parse([message_of(row) for row in rows], NOW_US)
    assert list(map(in_order, arrivals(parsed(rows)))) == list(map(in_order, front_door))


@given(st.lists(st.none() | CELLS | st.text(max_size=20), min_size=1), st.sampled_from(Form))
def test_columns_are_normalised_as_their_values(cells: list[str | None], form: Form) -> None:
    normaliser = Normaliser(STANDARDS.policy, STANDARDS.blocked)
    found = ColumnNormaliser(normaliser, STANDARDS.blocked).column(form, pa.array(cells, type=pa.string()))
    for row, cell in enumerate(cells):
        if cell is None:
            assert (found.values[row], row in found.odd) == (None, False)
            continue
        normal = normaliser.of_form(form, cell)
        if isinstance(normal, Unusable) or normal.blocked:
            assert row in found.odd
        else:
            assert (found.values[row], row in found.odd) == (normal.text, False)


@given(st.lists(st.sampled_from(["0001", "１２３４", "12345", "", "null", "0000", "x*y"]), min_size=1))
def test_a_tenants_own_namespace_is_read_as_in_records(values: list[str]) -> None:
    document = json.loads(policy_document())
    own = {"name": "vip_no", "grade": "strong", "form": "id", "pattern": "[0-9]{4}", "scope": "source"}
    policy = parse_policy({**document, "namespaces": [own, *document["namespaces"]]})
    opening = pb.ImportOpening()
    opening.CopyFrom(OPENING)
    opening.identifiers[0].namespace = "vip_no"
    rows = [Row(f"r{number}", member=value, city="上海") for number, value in enumerate(values)]
    parser, records = (each.under(policy) for each in parsers())
    known = parser.opening(opening)
    found = parser.rows(opening, known, pb.ImportRows(record_batch=batch_of(rows)), NOW_US)
    arrivals = {row: arrival for row, _, arrival in found.others}
    arrivals |= {row: Arrival(found.plain.record(known, at), ()) for at, row in enumerate(found.plain.rows)}
    assert [arrivals[row] for row in range(len(rows))] == records.parse(
        [message_of(row, opening) for row in rows], NOW_US
    )


def test_what_is_common_is_plain() -> None:
    """Nothing of a usual file goes the slow way."""
    rows = [
        Row(
            record_id=f"r{number}",
            member=f"M{number:08d}",
            phone=f"138{number:08d}",
            mailbox=f"c{number}@mail.example.cn",
            device=f"device-{number}",
            openid=f"o-{number:08d}",
            name="王小明",
            city="上海",
            granted=True,
        )
        for number in range(1, 50)
    ]
    assert not parsed(rows).others


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"import_id": "A b"}, "opening.import_id"),
        ({"source": ""}, "opening.source"),
        ({"brand": "Ä"}, "opening.brand"),
        ({"record_id_column": ""}, "opening.record_id_column"),
        ({"time_column": ""}, "opening.time_column"),
        (
            {"identifiers": [pb.IdentifierColumn(column="a", namespace="b")]},
            "opening.identifiers[0].namespace",
        ),
        (
            {"identifiers": [pb.IdentifierColumn(column="a", namespace="phone", scope="?")]},
            "opening.identifiers[0].scope",
        ),
        ({"attributes": [pb.AttributeColumn(column="a", attribute="b")]}, "opening.attributes[0].attribute"),
        (
            {"attributes": [pb.AttributeColumn(column="a", attribute="city")] * 2},
            "opening.attributes[1].attribute",
        ),
        ({"contact_points": [pb.ContactPointColumn(column="a")]}, "opening.contact_points[0].channel"),
        (
            {"contact_points": [pb.ContactPointColumn(column="a", channel="CHANNEL_SMS", scope="x")]},
            "opening.contact_points[0].scope",
        ),
        (
            {"consents": [pb.ConsentColumn(purpose="", channel="CHANNEL_SMS", address_column="a")]},
            "opening.consents[0].purpose",
        ),
    ],
)
def test_an_opening_that_means_nothing_is_refused(change: dict[str, Any], field: str) -> None:
    changed = pb.ImportOpening()
    changed.CopyFrom(OPENING)
    for name in change:
        changed.ClearField(name)  # type: ignore[arg-type]
    changed.MergeFrom(pb.ImportOpening(**change))
    with pytest.raises(InvalidField) as refused:
        parsers()[0].opening(changed)
    assert refused.value.metadata["field"] == field


def test_a_message_that_is_no_batch_of_rows_is_refused() -> None:
    good = batch_of([Row("r1", member="M1")])
    parser, _ = parsers()
    opening = parser.opening(OPENING)
    for broken in (b"", b"not arrow", good[:-40], good[: len(good) // 2], batch_of([])):
        with pytest.raises(InvalidField):
            parser.rows(OPENING, opening, pb.ImportRows(record_batch=broken), NOW_US)
    with pytest.raises(InvalidField):
        parser.rows(OPENING, opening, pb.ImportRows(first_row=-1, record_batch=good), NOW_US)
    rows = [Row(f"r{number}", member="M1") for number in range(10_001)]
    with pytest.raises(BatchTooLarge):
        parser.rows(OPENING, opening, pb.ImportRows(record_batch=batch_of(rows)), NOW_US)


def test_a_column_that_is_missing_or_of_another_type_is_refused() -> None:
    parser, _ = parsers()
    opening = parser.opening(OPENING)
    whole = pa.ipc.open_stream(batch_of([Row("r1", member="M1", time_us=TIMES[0])])).read_all()
    numbers = pa.array([1], pa.int64())
    for table in (
        whole.drop_columns(["phone"]),
        whole.append_column("phone", whole["phone"]),
        whole.set_column(whole.schema.get_field_index("phone"), "phone", numbers),
        whole.set_column(whole.schema.get_field_index("time"), "time", numbers),
        whole.set_column(whole.schema.get_field_index("granted"), "granted", numbers),
    ):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        message = pb.ImportRows(record_batch=sink.getvalue().to_pybytes())
        with pytest.raises(InvalidField):
            parser.rows(OPENING, opening, message, NOW_US)


def _sent(batch: pa.RecordBatch, compression: str | None = None) -> bytes:
    sink = pa.BufferOutputStream()
    options = pa.ipc.IpcWriteOptions(compression=compression)
    with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue().to_pybytes())


@pytest.mark.parametrize("compression", ["lz4", "zstd"])
@pytest.mark.parametrize("folded", [False, True])
def test_a_compressed_batch_is_refused_before_it_is_inflated(compression: str, folded: bool) -> None:
    texts = pa.array(["x" * 1_000_000, "y"] * 4)
    bomb = pa.record_batch({"phone": texts.dictionary_encode() if folded else texts})
    before = pa.total_allocated_bytes()
    with pytest.raises(InvalidField, match="compress"):
        read_batch(_sent(bomb, compression))
    assert pa.total_allocated_bytes() - before < 1_000_000
    assert read_batch(_sent(bomb)).num_rows == 8


def test_a_compression_that_only_metadata_tells_of_is_refused_too() -> None:
    """As Arrow 0.17 wrote it, and every later one reads it: to inflate this would need a gigabyte."""
    options = pa.ipc.IpcWriteOptions(metadata_version=pa.ipc.MetadataVersion.V4)
    batch = pa.record_batch({"member": pa.array([1 << 30, 0], type=pa.int64())})
    told = {}
    for metadata in ({"ARROW:experimental_compression": "zstd"}, None):
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, batch.schema, options=options) as writer:
            writer.write_batch(batch, custom_metadata=metadata)
        told[metadata is not None] = sink.getvalue().to_pybytes()
    with pytest.raises(InvalidField, match="compress"):
        read_batch(told[True])
    assert read_batch(told[False]).num_rows == 2


@pytest.mark.parametrize("folded", [pa.string_view(), pa.dictionary(pa.int32(), pa.large_string())])
def test_texts_that_rows_share_are_bounded_by_what_they_become(folded: pa.DataType) -> None:
    parser, _ = parsers()
    opening = parser.opening(OPENING)
    whole = pa.ipc.open_stream(batch_of([Row(f"r{n}", member=f"M{n}", name="王小明") for n in range(1_000)]))
    batch = whole.read_next_batch()
    place = batch.schema.get_field_index("name")

    def read(names: pa.Array) -> ParsedRows:
        content = _sent(batch.set_column(place, "name", names))
        return parser.rows(OPENING, opening, pb.ImportRows(record_batch=content), NOW_US)

    assert len(read(batch["name"].cast(folded)).plain.rows) == 1_000
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 1_000, pa.int32()), pa.array(["x" * 50_000]))
    bomb = shared.cast(folded) if pa.types.is_dictionary(folded) else _views(50_000, 1_000)
    assert len(_sent(batch.set_column(place, "name", bomb))) < 1_000_000
    with pytest.raises(BatchTooLarge):
        read(bomb)


def _views(length: int, rows: int) -> pa.Array:
    """Rows that all look at one text."""
    view = length.to_bytes(4, "little") + b"xxxx" + bytes(8)
    return pa.Array.from_buffers(
        pa.string_view(), rows, [None, pa.py_buffer(view * rows), pa.py_buffer(b"x" * length)]
    )


def test_an_opening_may_write_its_texts_in_any_layout() -> None:
    """Those of a dictionary and of views, nulls among them, are read as plain ones."""
    rows = [Row("r1", member="M1", name="王小明"), Row("r2", member="M2"), Row("r3", member="M3", name="李")]
    batch = pa.ipc.open_stream(batch_of(rows)).read_next_batch()
    parser, _ = parsers()
    place = batch.schema.get_field_index("name")
    for type_ in (pa.string(), pa.large_string(), pa.string_view(), pa.dictionary(pa.int8(), pa.string())):
        names = (
            batch["name"].dictionary_encode().cast(type_) if pa.types.is_dictionary(type_) else batch["name"]
        )
        content = _sent(batch.set_column(place, "name", names.cast(type_)))
        read = parser.rows(OPENING, parser.opening(OPENING), pb.ImportRows(record_batch=content), NOW_US)
        assert read == parsed(rows)
