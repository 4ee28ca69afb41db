"""ReferenceTableService over a real channel: versions of rows, one by one, as streams, as Arrow."""

import datetime as dt
from collections.abc import AsyncIterator, Iterable
from decimal import Decimal
from typing import Any

import grpc
import pyarrow as pa
import pytest
from huaxiang.tagging.v1 import reference_table_service_pb2 as pb
from huaxiang.tagging.v1.reference_table_service_pb2_grpc import ReferenceTableServiceStub
from huaxiang.type.v1 import value_pb2
from rules.evaluate.row_history import ALWAYS
from scripted_identity import RunningTagging, Start
from servicekit.revision import parse_token
from servicekit.status import reason_of
from servicekit.values import timestamp_of
from tagging.domain.reference_rows import RowVersion

TEXT = value_pb2.Value(text_value=" Ｓhanghai ")
MAY = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


@pytest.fixture
async def tagging(start: Start) -> AsyncIterator[RunningTagging]:
    async with start() as running:
        yield running


@pytest.fixture
async def stub(tagging: RunningTagging) -> Any:
    return ReferenceTableServiceStub(tagging.server.connect("analyst"))


def rows(table: str = "stores", **columns: value_pb2.Value) -> Any:
    return pb.PutReferenceRowsRequest(table=table, rows=[pb.ReferenceRow(key="s1", columns=columns)])


def stored(tagging: RunningTagging, table: str) -> list[RowVersion]:
    return tagging.store.database.read_now(tagging.store.references.versions, "t1", table)


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as refused:
        await call
    reason = reason_of(refused.value)
    return refused.value.code(), reason.reason, dict(reason.metadata)


async def load(stub: Any, messages: Iterable[pb.LoadReferenceRowsRequest]) -> list[Any]:
    return [answer async for answer in stub.LoadReferenceRows(iter(messages))]


async def refused_load(stub: Any, message: pb.LoadReferenceRowsRequest) -> dict[str, str]:
    return (await refusal(load(stub, [message])))[2]


def arrow(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    batch = pa.record_batch(columns)
    with pa.ipc.new_stream(sink, batch.schema) as writer:
        writer.write_batch(batch)
    return bytes(sink.getvalue())


async def test_rows_are_stored_once_and_replaced_by_key_and_start(tagging: RunningTagging, stub: Any) -> None:
    first = await stub.PutReferenceRows(rows(city=TEXT))
    assert (first.changed_count, parse_token(first.revision.token).service) == (1, "tagging")
    assert (await stub.PutReferenceRows(rows(city=TEXT))).changed_count == 0
    told = rows(region=TEXT)
    told.request_id = "r1"
    assert (await stub.PutReferenceRows(told)).changed_count == 1
    assert (await stub.PutReferenceRows(rows(city=TEXT))).changed_count == 1
    assert (await stub.PutReferenceRows(told)).changed_count == 1  # what it answered first, and nothing else
    moved = pb.PutReferenceRowsRequest(
        table="stores", rows=[pb.ReferenceRow(key="s1", in_force_from=timestamp_of(MAY), ended=True)]
    )
    assert (await stub.PutReferenceRows(moved)).changed_count == 1
    assert stored(tagging, "stores") == [
        RowVersion("s1", {"city": "Shanghai"}, ALWAYS),
        RowVersion("s1", {}, MAY, has_ended=True),
    ]
    page = await stub.ListReferenceRows(pb.ListReferenceRowsRequest(table="stores", page_size=1))
    assert [(each.key, each.columns["city"].text_value) for each in page.rows] == [("s1", "Shanghai")]
    assert not page.rows[0].HasField("in_force_from")
    following = pb.ListReferenceRowsRequest(table="stores", page_size=1, page_token=page.next_page_token)
    last = await stub.ListReferenceRows(following)
    assert [(each.ended, each.in_force_from) for each in last.rows] == [(True, timestamp_of(MAY))]
    assert last.next_page_token == ""
    absent = await stub.ListReferenceRows(pb.ListReferenceRowsRequest(table="stores", keys=["s2"]))
    assert not absent.rows
    listed = {
        each.name: each for each in (await stub.ListReferenceTables(pb.ListReferenceTablesRequest())).tables
    }
    assert (listed["stores"].row_count, listed["stores"].version_count) == (1, 2)
    assert (listed["items"].row_count, listed["stores"].columns[0]) == (0, "city")
    assert tagging.store.database.read_now(tagging.store.references.counts, "t2") == {}


async def test_wrong_rows_are_refused_and_nothing_is_stored(tagging: RunningTagging, stub: Any) -> None:
    put = stub.PutReferenceRows
    code, reason, metadata = await refusal(put(rows("shops", city=TEXT)))
    assert (code, reason) == (grpc.StatusCode.NOT_FOUND, "TABLE_UNKNOWN")
    assert metadata == {"table": "shops", "known": "benefits, content, items, staff, stores"}
    assert (await refusal(stub.ListReferenceRows(pb.ListReferenceRowsRequest(table="shops"))))[
        1
    ] == "TABLE_UNKNOWN"
    both = rows(city=TEXT)
    both.rows.add(key="s2", columns={"towm": TEXT})
    code, reason, metadata = await refusal(put(both))
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_FIELD")
    assert metadata["field"] == "rows[s2].columns[towm]"
    assert (await refusal(put(rows(opened_on=TEXT))))[2]["problem"] == "is not a date"
    assert (await refusal(put(rows(city=value_pb2.Value(record_value={})))))[1] == "INVALID_FIELD"
    empty = pb.PutReferenceRowsRequest(table="stores", rows=[{"key": " "}])
    assert (await refusal(put(empty)))[2]["field"] == "rows[0].key"
    ended = rows(city=TEXT)
    ended.rows[0].ended = True
    assert (await refusal(put(ended)))[2]["field"] == "rows[0].ended"
    many = pb.PutReferenceRowsRequest(table="stores")
    many.rows.extend(pb.ReferenceRow(key=f"s{number}") for number in range(5_001))
    limit = {"field": "rows", "count": "5001", "limit": "5000"}
    assert (await refusal(put(many)))[1:] == ("BATCH_TOO_LARGE", limit)
    assert stored(tagging, "stores") == []


async def test_a_load_answers_each_message_of_rows_or_of_arrow(tagging: RunningTagging, stub: Any) -> None:
    batch = arrow(
        key=["i1", "i2", "i2"],
        price=pa.array([Decimal("1.5"), None, Decimal(2)], pa.decimal128(10, 2)),
        brand=pa.array(["Ａ", "b", "c"]).dictionary_encode(),
        listed_on=pa.array([dt.date(2026, 1, 2), None, None]),
        in_force_from=pa.array([None, None, MAY], pa.timestamp("us", tz="Asia/Shanghai")),
    )
    answers = await load(
        stub,
        [
            pb.LoadReferenceRowsRequest(table="items", rows={"rows": [pb.ReferenceRow(key="i0")]}),
            pb.LoadReferenceRowsRequest(arrow=batch),
            pb.LoadReferenceRowsRequest(arrow=batch),
            pb.LoadReferenceRowsRequest(arrow=arrow(key=["i1"], ended=[True])),
        ],
    )
    assert [(each.row_count, each.changed_count) for each in answers] == [(1, 1), (3, 3), (3, 0), (1, 1)]
    assert stored(tagging, "items") == [
        RowVersion("i0", {}),
        RowVersion("i1", {}, has_ended=True),
        RowVersion("i2", {"brand": "b"}),
        RowVersion("i2", {"brand": "c", "price": 20_000}, MAY),
    ]


async def test_a_wrong_message_of_a_load_says_where_and_leaves_what_was_answered(
    tagging: RunningTagging, stub: Any
) -> None:
    kept = pb.LoadReferenceRowsRequest(table="items", arrow=arrow(key=["i1"]))
    assert (await refusal(load(stub, [kept, pb.LoadReferenceRowsRequest()])))[2]["field"] == "content"
    assert stored(tagging, "items") == [RowVersion("i1", {})]

    async def refused(content: bytes) -> dict[str, str]:
        return await refused_load(stub, pb.LoadReferenceRowsRequest(table="items", arrow=content))

    assert (await refused(arrow(key=["i1"], price=[1.5])))["field"] == "arrow.price"
    assert (await refused(arrow(item=["i1"])))["problem"].startswith("has no column key")
    assert (await refused(arrow(key=["i1", None])))["field"] == "arrow row 1.key"
    assert (await refused(arrow(key=["i1"], brand=["x" * 5_000])))["field"] == "arrow row 0.brand"
    assert (await refused(arrow(key=["i1"], price=[10**15])))["field"] == "arrow.price"
    assert (await refused(b"no arrow"))["field"] == "arrow"
    assert (await refused(arrow(key=[str(number) for number in range(5_001)])))["limit"] == "5000"
    assert (await refused(arrow(key=["i1"], name=[MAY.replace(tzinfo=None)])))["field"] == "arrow.name"
    assert (await refused(arrow(key=[17])))["problem"] == "is of type int64, not text"
    assert (await refused(arrow(key=["i1"], ended=["false"])))["field"] == "arrow.ended"
    assert (await refused(arrow(key=["i1"], in_force_from=[dt.date(2026, 5, 1)])))[
        "field"
    ] == "arrow.in_force_from"
    for finest in (
        pa.array([2**62], pa.timestamp("us", tz="UTC")),
        pa.array([1], pa.timestamp("ns", tz="UTC")),
    ):
        assert (await refused(arrow(key=["i1"], in_force_from=finest)))["field"] == "arrow.in_force_from"
    assert (await refused(arrow(key=["i1"], price=[[1] * 100_001])))["limit"] == "100000"


async def test_an_arrow_message_is_bounded_by_what_it_becomes(tagging: RunningTagging, stub: Any) -> None:
    async def refused(content: bytes) -> dict[str, str]:
        return await refused_load(stub, pb.LoadReferenceRowsRequest(table="items", arrow=content))

    keys = pa.array([f"i{number}" for number in range(2_000)])
    long = pa.array(["x" * 4_096]).dictionary_encode()
    shared = pa.DictionaryArray.from_arrays(pa.array([0] * 2_000, pa.int32()), long.dictionary)
    assert "unfolds to" in (await refused(arrow(key=keys, brand=shared)))["problem"]
    sink, batch = pa.BufferOutputStream(), pa.record_batch({"key": keys})
    with pa.ipc.new_stream(sink, batch.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_batch(batch)
    assert "is compressed" in (await refused(bytes(sink.getvalue())))["problem"]
    twice = pa.record_batch([pa.array(["i1"]), pa.array(["i2"])], names=["key", "key"])
    with pa.ipc.new_stream(sink := pa.BufferOutputStream(), twice.schema) as writer:
        writer.write_batch(twice)
    assert "two of one name" in (await refused(bytes(sink.getvalue())))["problem"]
    whole = arrow(key=["abcd"])
    assert (await refused(whole.replace(b"abcd", b"\xff\xfe\xfdd")))["field"] == "arrow"
    assert stored(tagging, "items") == []
