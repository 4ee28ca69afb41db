"""What the index holds, page by page, and since when somebody is in a segment, as commands tell it."""

import json
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from cli.calls.segment_history import last_other_day
from cli.calls.segment_index import index_columns
from cli.commands import segment_index, segment_moves
from cli.commands import segments as commands
from cli.exits import Refusal
from huaxiang.segments.v1 import (
    index_service_pb2,
    index_service_pb2_grpc,
    member_history_service_pb2,
    member_history_service_pb2_grpc,
)
from typer.testing import CliRunner

READY, REBUILDING = (
    index_service_pb2.INDEX_COLUMN_STATE_READY,
    index_service_pb2.INDEX_COLUMN_STATE_REBUILDING,
)
CITY = index_service_pb2.IndexColumn(
    column="city",
    state=READY,
    known_count=1_200,
    block_count=1,
    bytes=2_048,
    containers=index_service_pb2.IndexContainers(dense_count=3, run_count=1),
    file=index_service_pb2.IndexFile(name="a.column", bytes=4_096),
    erasure_due=True,
)
POINTS = index_service_pb2.IndexColumn(
    column="points",
    state=REBUILDING,
    state_note="b.column",
    file=index_service_pb2.IndexFile(name="b.column", bytes=4_096, damaged=True),
)


class Index(index_service_pb2_grpc.IndexServiceServicer):
    async def ListIndexColumns(self, request: Any, context: Any) -> Any:  # noqa: N802  # the rpc's name
        """One column a page, whatever is asked for."""
        token = "" if request.page_token else "more"
        totals = index_service_pb2.IndexTotals(column_count=2, file_count=2, damaged_count=1)
        return index_service_pb2.ListIndexColumnsResponse(
            columns=[CITY if token else POINTS], next_page_token=token, totals=totals
        )


class History(member_history_service_pb2_grpc.MemberHistoryServiceServicer):
    async def GetMembershipHistory(self, request: Any, context: Any) -> Any:  # noqa: N802  # the rpc's name
        days = [(20_543, 20_544, False), (20_540, 20_542, True)] if request.person_id == 1 else []
        return member_history_service_pb2.GetMembershipHistoryResponse(
            stretches=[{"first_day": a, "last_day": b, "member": c} for a, b, c in days], member=False
        )


@pytest.fixture
async def channel() -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    index_service_pb2_grpc.add_IndexServiceServicer_to_server(Index(), server)
    member_history_service_pb2_grpc.add_MemberHistoryServiceServicer_to_server(History(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def test_all_pages_of_the_index_are_one_answer(channel: grpc.aio.Channel) -> None:
    found = await index_columns(channel, troubled_only=False)
    assert [each.column for each in found.columns] == ["city", "points"]
    assert found.next_page_token == ""


def test_columns_say_what_is_due_and_what_nobody_has_mapped(monkeypatch: pytest.MonkeyPatch) -> None:
    found = index_service_pb2.ListIndexColumnsResponse(columns=[CITY, POINTS])
    monkeypatch.setattr(segment_index, "ask", lambda *given: found)
    told = " ".join(CliRunner().invoke(commands.app, ["index"]).stdout.split())
    for words in (
        "city ready 1,200 1 2 3 dense, 1 run",
        "file is missing, erasure due",
        "rebuilding b.column",
    ):
        assert words in told
    assert "not mapped" in told
    answer = json.loads(CliRunner().invoke(commands.app, ["index", "--json"]).stdout)
    assert answer["columns"][1]["state"] == "INDEX_COLUMN_STATE_REBUILDING"


async def test_why_goes_back_to_the_last_day_that_was_otherwise(channel: grpc.aio.Channel) -> None:
    assert await last_other_day(channel, "s", 1) == "2026-03-30"
    with pytest.raises(Refusal, match="is not in segment s, as on every day that is kept"):
        await last_other_day(channel, "s", 2)


def test_when_tells_stretches_of_days(monkeypatch: pytest.MonkeyPatch) -> None:
    found = member_history_service_pb2.GetMembershipHistoryResponse(
        stretches=[{"first_day": 20_543, "last_day": 20_544, "member": True}], member=True
    )
    monkeypatch.setattr(segment_moves, "ask", lambda *given: found)
    told = CliRunner().invoke(commands.app, ["when", "s", "1"]).stdout.split()
    assert told == ["1:", "in", "now:", "yes", "from", "to", "in", "2026-03-31", "2026-04-01", "yes"]
