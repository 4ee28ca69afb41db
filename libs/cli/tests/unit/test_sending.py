"""A file over the front door's stream: every row is told of once, whatever becomes of the stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pytest
from cli.exits import Exit, Refusal
from cli.importing import sending
from cli.importing.mapping import load_mapping
from cli.importing.sending import ImportResult, Rejects, send_file
from huaxiang.identity.v1 import ingest_service_pb2 as pb
from huaxiang.identity.v1 import ingest_service_pb2_grpc

ROWS, PER_MESSAGE = 95, 10
CUT, ENDED = "cut", "ended"


class Door(ingest_service_pb2_grpc.IngestServiceServicer):
    """Takes records by their id; `answers` says after how many answers each stream ends, and `how`."""

    def __init__(self, answers: list[int], how: str) -> None:
        self.answers = answers
        self.how = how
        self.taken: dict[str, int] = {}

    async def IngestEventStream(  # noqa: N802  # the rpc's name
        self, requests, context
    ) -> AsyncIterator[pb.IngestEventStreamResponse]:
        left = self.answers.pop(0) if self.answers else -1
        async for request in requests:
            statuses = [self._take(record.record_id) for record in request.batch.records]
            if left == 0:  # taken, and never said so
                if self.how == CUT:
                    await context.abort(grpc.StatusCode.UNAVAILABLE, "away")
                return
            left -= 1
            results = [pb.IngestResult(status=status) for status in statuses]
            yield pb.IngestEventStreamResponse(batch=pb.IngestEventsResponse(results=results))

    def _take(self, record_id: str) -> "pb.IngestStatus.ValueType":
        self.taken[record_id] = self.taken.get(record_id, 0) + 1
        return pb.INGEST_STATUS_ACCEPTED if self.taken[record_id] == 1 else pb.INGEST_STATUS_REPEATED


@asynccontextmanager
async def served(door: Door) -> AsyncIterator[grpc.aio.Channel]:
    server = grpc.aio.server()
    ingest_service_pb2_grpc.add_IngestServiceServicer_to_server(door, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
    await server.stop(None)


async def imported(door: Door, folder: Path, monkeypatch: pytest.MonkeyPatch) -> ImportResult:
    monkeypatch.setattr(sending, "RECORDS_PER_MESSAGE", PER_MESSAGE)
    path = folder / "people.csv"
    path.write_text("id,at\n" + "".join(f"{row},2026-01-01\n" for row in range(ROWS)))
    (folder / "people.yaml").write_text("source: crm\nrecord_id: [id]\ntime: at\n")
    mapping = load_mapping(folder / "people.yaml")
    async with served(door) as channel:
        with Rejects(folder / "rejects.csv") as rejects:
            return await send_file(channel, path, mapping, rejects, lambda _: None)


@pytest.mark.parametrize("answers", [[0], [3], [1, 1, 1], [9], [0, 0, 2]])
async def test_a_stream_that_is_cut_loses_no_row_and_tells_of_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[int]
) -> None:
    door = Door(list(answers), CUT)
    result = await imported(door, tmp_path, monkeypatch)
    assert len(door.taken) == ROWS
    assert result.rows == result.accepted + result.repeated == ROWS
    assert result.repeated > 0


async def test_a_stream_that_ends_before_all_is_answered_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE_S", 0.3, raising=False)
    with pytest.raises(Refusal, match="import the file again") as refused:
        await imported(Door([0] * 100, ENDED), tmp_path, monkeypatch)
    assert refused.value.code is Exit.NOT_REACHED


async def test_patience_begins_anew_with_every_row_that_is_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sending, "PATIENCE_S", 0.3, raising=False)
    result = await imported(Door([1] * 9, CUT), tmp_path, monkeypatch)
    assert result.answered == ROWS
