"""What the index holds, over a real channel."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import index_service_pb2 as pb
from huaxiang.segments.v1 import index_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from segments_tagging import values_told
from servicekit.revision import from_proto
from servicekit.status import reason_of


async def columns(suite: Any, role: str = "admin", **asked: Any) -> pb.ListIndexColumnsResponse:
    stub = index_service_pb2_grpc.IndexServiceStub(suite.server.connect(role))
    return await stub.ListIndexColumns(pb.ListIndexColumnsRequest(**asked))  # type: ignore[no-any-return]


async def test_each_column_tells_what_it_holds(suite: Any) -> None:
    consistency = revision_pb2.Consistency()
    told_last = suite.tagging.tell(values_told(1, points=20_000))
    consistency.at_least_as_fresh.CopyFrom(told_last.to_proto())
    answer = await columns(suite, consistency=consistency)
    told = {each.column: each for each in answer.columns}
    assert list(told) == ["gender", "last_seen", "level", "points"]
    assert (told["gender"].known_count, told["gender"].block_count) == (3, 1)
    assert (told["points"].known_count, told["points"].stored_beside_count) == (2, 1)
    assert told["gender"].state == pb.INDEX_COLUMN_STATE_READY
    assert told["level"].state == pb.INDEX_COLUMN_STATE_EMPTY
    assert (told["level"].by_runs, told["gender"].by_runs) == (True, False)
    assert told["gender"].bytes > 0
    assert not told["gender"].HasField("containers"), "so few persons are held as they came"
    assert not told["gender"].HasField("file")
    totals = answer.totals
    assert (totals.column_count, totals.troubled_count, totals.person_count) == (4, 2, 3)
    assert totals.bytes == sum(each.bytes for each in answer.columns)
    read_at = from_proto(answer.revision)
    assert read_at is not None
    assert "tagging" in {each.service for each in read_at.rests_on}

    first = await columns(suite, page_size=1, troubled_only=True)
    second = await columns(suite, page_size=1, troubled_only=True, page_token=first.next_page_token)
    assert [each.column for each in (*first.columns, *second.columns)] == ["last_seen", "level"]
    assert (first.totals.column_count, second.next_page_token) == (4, "")

    wrong: list[tuple[str, dict[str, Any], str]] = [
        ("marketer", {}, "RIGHT_MISSING"),
        ("admin", {"page_token": "behind"}, "PAGE_TOKEN_MALFORMED"),
        ("admin", {"page_size": -1}, "INVALID_FIELD"),
    ]
    for role, asked, reason in wrong:
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await columns(suite, role, **asked)
        assert reason_of(error.value).reason == reason
