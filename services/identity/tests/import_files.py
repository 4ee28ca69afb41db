"""Small files to import, and the records that their rows are."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields

import pyarrow as pa
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from hypothesis import strategies as st
from servicekit.values import timestamp

DAY_US = 86_400_000_000
NOW_US = 1_777_636_800_000_000
TIMES = (NOW_US - 200 * DAY_US, NOW_US - 3 * DAY_US, NOW_US - 1)


@dataclass(frozen=True)
class Row:
    """One row; None is an empty cell. `birth_date` is days since 1970."""

    record_id: str | None
    time_us: int | None = TIMES[1]
    member: str | None = None
    phone: str | None = None
    mailbox: str | None = None
    device: str | None = None
    openid: str | None = None
    other_openid: str | None = None
    name: str | None = None
    city: str | None = None
    gender: str | None = None
    birth_date: int | None = None
    objects: bool | None = None
    granted: bool | None = None
    said_us: int | None = None
    second_device: str | None = None
    second_phone: str | None = None


OPENING = pb.ImportOpening(
    import_id="spring",
    source="crm",
    brand="north",
    record_id_column="record_id",
    time_column="time",
    identifiers=[
        pb.IdentifierColumn(column="member", namespace="member_id"),
        pb.IdentifierColumn(column="phone", namespace="phone", verified=True),
        pb.IdentifierColumn(column="mailbox", namespace="email"),
        pb.IdentifierColumn(column="device", namespace="device_id"),
        pb.IdentifierColumn(column="second_device", namespace="device_id"),
        pb.IdentifierColumn(column="openid", namespace="wechat_openid", scope="wx_mini"),
        pb.IdentifierColumn(column="other_openid", namespace="wechat_openid", scope="wx_other"),
    ],
    attributes=[
        pb.AttributeColumn(column="name", attribute="name"),
        pb.AttributeColumn(column="city", attribute="city"),
        pb.AttributeColumn(column="gender", attribute="gender"),
        pb.AttributeColumn(column="birth_date", attribute="birth_date"),
        pb.AttributeColumn(column="objects", attribute="no_profiling"),
    ],
    contact_points=[
        pb.ContactPointColumn(column="phone", channel="CHANNEL_SMS"),
        pb.ContactPointColumn(column="openid", channel="CHANNEL_WECHAT", scope="wx_mini"),
        pb.ContactPointColumn(column="second_phone", channel="CHANNEL_SMS"),
    ],
    consents=[
        pb.ConsentColumn(
            purpose="marketing",
            channel="CHANNEL_SMS",
            address_column="phone",
            granted_column="granted",
            time_column="said",
            text_version="2026-01",
        ),
        pb.ConsentColumn(
            purpose="service", channel="CHANNEL_SMS", address_column="phone", granted_column="granted"
        ),
    ],
)
_SCHEMA = pa.schema(
    [
        ("record_id", pa.string()),
        ("time", pa.timestamp("us", tz="UTC")),
        *((name, pa.string()) for name in ("member", "phone", "mailbox", "device", "openid", "other_openid")),
        *((name, pa.string()) for name in ("name", "city", "gender")),
        ("birth_date", pa.date32()),
        ("objects", pa.bool_()),
        ("granted", pa.bool_()),
        ("said", pa.timestamp("us", tz="UTC")),
        ("second_device", pa.string()),
        ("second_phone", pa.string()),
    ]
)

PHONES = tuple(f"1390000{number:04d}" for number in range(1, 5))
CELLS = st.sampled_from(
    [
        *PHONES,
        "+8613900000001",
        "139-0000-0002",
        " 13900000003",
        "13800138000",
        "138****1234",
        "1.39E+10",
        "12345",
        "M1",
        "Ｍ１",
        "m1",
        "M 1",
        "null",
        "NULL",
        "-1",
        "1e5",
        "aaaaaaaa",
        "c1@mail.example.cn",
        "C1@Mail.example.CN",
        "c1@münchen.example",
        "test@test.com",
        "a*b",
        "o-open-0001",
        "tab\there",
        "",
    ]
)
_TEXTS = st.sampled_from(["王小明", "上海", "北京 ", "ＡＢＣ", "male", "female", "x" * 4_097, "", "nul\0"])


def _named(prefix: str, count: int = 6) -> st.SearchStrategy[str | None]:
    return st.one_of(
        st.none(), st.integers(1, count).map(lambda n: f"{prefix}{n:04d}"), CELLS if count == 6 else st.none()
    )


NASTY = st.builds(
    Row,
    st.one_of(
        st.integers(1, 30).map(lambda n: f"r{n}"), st.sampled_from([None, "", "x" * 129, "bad\n", "编号 7"])
    ),
    st.one_of(st.sampled_from([*TIMES, NOW_US + 60_000_000, NOW_US + 10**12, -1, None]), st.just(TIMES[2])),
    _named("M"),
    st.one_of(st.none(), st.sampled_from(PHONES), CELLS),
    _named("c@mail.example.cn", 2).map(lambda cell: cell and f"{cell[-1]}@mail.example.cn"),
    _named("device-"),
    _named("o-open-"),
    _named("o-other-"),
    st.none() | _TEXTS,
    st.none() | _TEXTS,
    st.none() | _TEXTS,
    st.sampled_from([None, 0, 7_000, -1, 10**8]),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, True, False]),
    st.sampled_from([None, TIMES[0], NOW_US + 10**12]),
)


@st.composite
def _plain(draw: st.DrawFn) -> Row:
    """A row of which everything is usable; two of them share something when they draw the same number."""
    number = draw(st.integers(1, 60))
    shared = draw(st.sampled_from([0, 0, 0, 0, 0, 1, 2]))

    def cell(text: str) -> str | None:
        return draw(st.sampled_from([text, text, None]))

    return Row(
        draw(st.sampled_from([f"p{number}"] * 9 + ["p1"])),
        draw(st.sampled_from(TIMES)),
        cell(f"M{number:04d}"),
        PHONES[shared] if shared else cell(f"1370000{number:04d}"),
        cell(f"c{number}@mail.example.cn"),
        f"tablet-{shared}" if shared == 2 else cell(f"device-1{number:04d}"),
        cell(f"o-open-1{number:04d}"),
        cell(f"o-other-1{number:04d}"),
        cell("王小明"),
        cell("上海"),
        draw(st.sampled_from([None, "male"])),
        draw(st.sampled_from([None, 7_000])),
        draw(st.sampled_from([None, None, True, False])),
        draw(st.sampled_from([None, True, False])),
        draw(st.sampled_from([None, TIMES[0]])),
        draw(st.sampled_from([None, None, None, f"device-1{number:04d}", f"device-2{number:04d}"])),
        draw(st.sampled_from([None, None, None, f"1370000{number:04d}", f"1370001{number:04d}"])),
    )


ROW = st.integers(0, 9).flatmap(lambda kind: NASTY if kind > 7 else _plain())
ROWS = st.lists(ROW, max_size=20)


def batch_of(rows: Sequence[Row]) -> bytes:
    """The rows as an Arrow stream."""
    columns = list(zip(*map(astuple, rows), strict=True)) if rows else [()] * len(fields(Row))
    arrays = [pa.array(column, type=field.type) for column, field in zip(columns, _SCHEMA, strict=True)]
    batch = pa.RecordBatch.from_arrays(arrays, schema=_SCHEMA)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    content: bytes = sink.getvalue().to_pybytes()
    return content


def message_of(row: Row, opening: pb.ImportOpening = OPENING) -> record_pb2.Record:
    """The record that IngestEvents would take of a row."""
    record = record_pb2.Record(source=opening.source, brand=opening.brand, record_id=row.record_id or "")
    if row.time_us is not None:
        record.time.CopyFrom(timestamp(row.time_us))
    for column in opening.identifiers:
        cell = getattr(row, column.column)
        if cell is not None:
            record.identifiers.add(
                namespace=column.namespace, value=cell, scope=column.scope, verified=column.verified
            )
    for name in ("name", "city", "gender"):
        if (cell := getattr(row, name)) is not None:
            record.attributes[name].text_value = cell
    if row.birth_date is not None:
        record.attributes["birth_date"].date_value = row.birth_date
    if row.objects is not None:
        record.attributes["no_profiling"].bool_value = row.objects
    for point in opening.contact_points:
        if (cell := getattr(row, point.column)) is not None:
            record.contact_points.add(channel=point.channel, address=cell, scope=point.scope)
    for said in opening.consents:
        if row.phone is None or row.granted is None:
            continue
        consent = record.consents.add(
            purpose=said.purpose,
            channel=said.channel,
            address=row.phone,
            granted=row.granted,
            text_version=said.text_version,
        )
        if said.time_column and row.said_us is not None:
            consent.time.CopyFrom(timestamp(row.said_us))
    return record
