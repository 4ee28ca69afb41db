"""A file of values of one tag: what is sent of it, and what goes to the rejects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
from cli.importing.rejects import Rejects
from cli.importing.tag_values import CHUNK_ROWS, ValueFile, ValuesImported, send_values
from huaxiang.tagging.v1 import tag_pb2, value_service_pb2_grpc
from huaxiang.tagging.v1 import value_service_pb2 as pb

NUMBER = tag_pb2.ValueType(base=tag_pb2.BASE_TYPE_NUMBER)
TEXTS = tag_pb2.ValueType(base=tag_pb2.BASE_TYPE_TEXT, multi_valued=True)


class Tagging(value_service_pb2_grpc.ValueServiceServicer):
    """Keeps requests by their id; is away once before the first answer; knows nobody above 1,500."""

    def __init__(self) -> None:
        self.requests: dict[str, pb.PutTagValuesRequest] = {}
        self.calls = 0

    async def PutTagValues(self, request, context) -> pb.PutTagValuesResponse:  # noqa: N802  # the rpc's name
        self.calls += 1
        self.requests[request.request_id] = request
        if self.calls == 1:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
        unknown = [index for index, each in enumerate(request.values) if each.person_id > 1_500]
        return pb.PutTagValuesResponse(
            stored_count=len(request.values) - len(unknown),
            refused=[
                pb.RefusedValue(
                    index=index, reason=pb.REFUSED_VALUE_REASON_PERSON_UNKNOWN, detail="nobody has the id"
                )
                for index in unknown
            ],
        )

    @property
    def values(self) -> list[pb.StatedValue]:
        return [each for request in self.requests.values() for each in request.values]


@asynccontextmanager
async def served(tagging: Tagging) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    value_service_pb2_grpc.add_ValueServiceServicer_to_server(tagging, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def sent(path: Path, value_type: tag_pb2.ValueType) -> tuple[Tagging, ValuesImported, list[str]]:
    tagging, result = Tagging(), ValuesImported()
    file = ValueFile(
        path, tag_pb2.TagDefinition(tag_id="score", value_type=value_type), "crm", ZoneInfo("Asia/Shanghai")
    )
    place = path.with_name("rejects.csv")
    async with served(tagging) as channel:
        with Rejects(place) as rejects:
            await send_values(channel, file, rejects, lambda rows: None, result)
    lines = place.read_text("utf-8-sig").splitlines()[1:] if place.exists() else []
    return tagging, result, lines


async def test_rows_are_sent_in_chunks_and_refusals_keep_their_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    rows = [f"{person},{person}.5" for person in range(1, 1_502)]
    path.write_text("person_id,value\n" + "\n".join(rows) + "\n")
    tagging, result, lines = await sent(path, NUMBER)
    assert [len(each.values) for each in tagging.requests.values()] == [CHUNK_ROWS, 501]
    assert tagging.calls == 3  # the first was sent again, under the same id
    assert (result.rows, result.stored, result.refused) == (1_501, 1_500, 1)
    assert lines == ["1502,refused,person_unknown,nobody has the id"]
    assert {(each.tag_id, each.source) for each in tagging.requests.values()} == {("score", "crm")}
    assert tagging.values[0].value.number_value == 15_000


async def test_what_cannot_be_read_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    path.write_text(
        "person_id,value,confidence,expires_at\n"
        "1,2,0.5,2026-06-30\n"
        "x,2,,\n"
        "1.5,2,,\n"
        "2,,,\n"
        "3,two,,\n"
        "4,2,1.1,\n"
        "5,2,,never\n"
        "6,2\n"
    )
    tagging, result, lines = await sent(path, NUMBER)
    (value,) = tagging.values
    assert (value.person_id, value.confidence) == (1, 5_000)
    assert value.expire_time.ToJsonString() == "2026-06-29T16:00:00Z"
    assert (result.rows, result.stored, result.refused) == (8, 1, 7)
    assert [line.split(",")[0:3:2] for line in lines] == [
        ["3", "person_id"],
        ["4", "person_id"],
        ["5", "value"],
        ["6", "value"],
        ["7", "confidence"],
        ["8", "expires_at"],
        ["9", ""],
    ]


async def test_lists_and_types_of_parquet(tmp_path: Path) -> None:
    path = tmp_path / "likes.parquet"
    pq.write_table(pa.table({"person_id": [7, 8], "value": [["茶", "咖啡"], []]}), path)
    tagging, result, lines = await sent(path, TEXTS)
    assert [each.text_value for each in tagging.values[0].value.list_value.values] == ["茶", "咖啡"]
    assert (result.stored, result.refused, len(lines)) == (1, 1, 1)
