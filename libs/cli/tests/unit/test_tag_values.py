"""A file of values of one tag: what is sent of it, and what goes to the rejects."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.exits import Refusal
from cli.importing.rejects import Rejects
from cli.importing.tag_values import (
    CHUNK_ROWS,
    PERSON_ID,
    ValueFile,
    ValuesImported,
    column_of_persons,
    send_values,
)
from huaxiang.identity.v1 import person_service_pb2 as person_pb
from huaxiang.identity.v1 import person_service_pb2_grpc
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


class Identity(person_service_pb2_grpc.PersonServiceServicer):
    """Knows M1 to M9 as the persons 1 to 9; takes no value with a star."""

    def __init__(self) -> None:
        self.requests: list[person_pb.ResolveIdentifiersRequest] = []

    async def ResolveIdentifiers(self, request, context) -> person_pb.ResolveIdentifiersResponse:  # noqa: N802
        self.requests.append(request)
        results = [
            person_pb.ResolvedIdentifier(
                person_id=int(each.value[1:]) if len(each.value) == 2 else 0,
                problem="is masked" if "*" in each.value else "",
            )
            for each in request.identifiers
        ]
        return person_pb.ResolveIdentifiersResponse(results=results)


@asynccontextmanager
async def served(tagging: Tagging, identity: Identity) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    value_service_pb2_grpc.add_ValueServiceServicer_to_server(tagging, server)
    person_service_pb2_grpc.add_PersonServiceServicer_to_server(identity, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def sent(
    path: Path, value_type: tag_pb2.ValueType, who: str = PERSON_ID, identity: Identity | None = None
) -> tuple[Tagging, ValuesImported, list[str]]:
    tagging, result = Tagging(), ValuesImported()
    definition = tag_pb2.TagDefinition(tag_id="score", value_type=value_type)
    file = ValueFile(path, definition, "crm", ZoneInfo("Asia/Shanghai"), who=who)
    place = path.with_name("rejects.csv")
    async with served(tagging, identity or Identity()) as channel:
        with Rejects(place) as rejects:
            await send_values(channel, channel, file, rejects, lambda rows: None, result)
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


async def test_identifiers_are_resolved_and_unknown_ones_refused_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "scores.csv"
    rows = [f"M{index % 9 + 1},{index}" for index in range(1_001)]
    path.write_text("member_id,value\n" + "\n".join([*rows, "M404,1", "M**,1", ",1", "shop:M2,7"]) + "\n")
    identity = Identity()
    tagging, result, lines = await sent(path, NUMBER, "member_id", identity)
    assert [len(each.identifiers) for each in identity.requests] == [CHUNK_ROWS, 4]
    assert {each.source for each in identity.requests} == {"crm"}
    scoped = identity.requests[1].identifiers[-1]
    assert (scoped.namespace, scoped.scope, scoped.value) == ("member_id", "shop", "M2")
    assert [each.person_id for each in tagging.values][:3] == [1, 2, 3]
    assert (tagging.values[-1].person_id, len(tagging.values)) == (2, 1_002)
    assert (result.stored, result.refused) == (1_002, 3)
    assert result.reasons == {"not_readable": 1, "identifier_unknown": 1, "identifier_not_usable": 1}
    assert sorted(lines) == [
        "1003,refused,member_id,nobody is known by this member_id",
        "1004,refused,member_id,is masked",
        "1005,refused,member_id,is empty",
    ]


def test_the_column_that_says_whose_values_they_are() -> None:
    assert column_of_persons(["phone", "value", "time"]) == "phone"
    assert column_of_persons(["person_id", "value", "phone"]) == "person_id"
    assert column_of_persons(["phone", "value", "note"], "phone") == "phone"
    with pytest.raises(Refusal, match="there are phone, note: say which with --by"):
        column_of_persons(["phone", "value", "note"])
    with pytest.raises(Refusal, match="there is none"):
        column_of_persons(["value"])


def test_what_an_earlier_import_refused_is_kept_beside(tmp_path: Path) -> None:
    place, kept = tmp_path / "scores.csv.rejects.csv", []
    for line in (1, 2, 3):
        with Rejects(place, put_aside=kept.append) as rejects:
            rejects.add(line, "refused", "value", "is empty")
    assert [each.name for each in kept] == ["scores.csv.rejects.1.csv", "scores.csv.rejects.2.csv"]
    last = [each.read_text("utf-8-sig").splitlines()[-1] for each in (*kept, place)]
    assert last == [f"{line},refused,value,is empty" for line in (1, 2, 3)]
