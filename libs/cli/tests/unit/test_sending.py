"""A file over the front door's stream: every row is told of once, whatever becomes of the stream."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import grpc
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from cli.exits import Exit, Refusal
from cli.importing import rows, sending
from cli.importing.mapping import load_mapping
from cli.importing.rejects import Rejects
from cli.importing.sending import ImportResult, send_file
from huaxiang.identity.v1 import ingest_service_pb2 as pb
from huaxiang.identity.v1 import ingest_service_pb2_grpc

ROWS, PER_MESSAGE = 95, 10
CUT, ENDED, LOCKED = "cut", "ended", "locked"
HEADER = "id,at,amount\n"


class Door(ingest_service_pb2_grpc.IngestServiceServicer):
    """Takes records by their id; `answers` says after how many answers each stream ends, and `how`."""

    def __init__(self, answers: list[int], how: str) -> None:
        self.answers = answers
        self.how = how
        self.taken: dict[str, int] = {}

    async def IngestEventStream(  # noqa: N802  # the rpc's name
        self, requests, context
    ) -> AsyncIterator[pb.IngestEventStreamResponse]:
        if self.how == LOCKED:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "key refused")
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

    async def IngestEvents(self, request, context) -> pb.IngestEventsResponse:  # noqa: N802  # the rpc's name
        if self.how == LOCKED:
            await context.abort(grpc.StatusCode.UNAUTHENTICATED, "key refused")
        return pb.IngestEventsResponse()

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


async def imported(
    door: Door,
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: Path | None = None,
    result: ImportResult | None = None,
) -> ImportResult:
    monkeypatch.setattr(sending, "RECORDS_PER_MESSAGE", PER_MESSAGE)
    if file is None:
        file = folder / "people.csv"
        file.write_text(HEADER + "".join(f"{row},2026-01-01,1\n" for row in range(ROWS)))
    (folder / "people.yaml").write_text(
        "source: crm\nrecord_id: [id]\ntime: at\nattributes: {amount: {column: amount, type: number}}\n"
    )
    mapping = load_mapping(folder / "people.yaml")
    async with served(door) as channel:
        with Rejects(folder / "rejects.csv") as rejects:
            return await send_file(channel, file, mapping, rejects, lambda _: None, result=result)


@pytest.mark.parametrize("answers", [[0], [3], [1, 1, 1], [9], [0, 0, 2]])
async def test_a_stream_that_is_cut_loses_no_row_and_tells_of_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: list[int]
) -> None:
    door = Door(list(answers), CUT)
    result = await imported(door, tmp_path, monkeypatch)
    assert len(door.taken) == ROWS
    assert result.rows == result.accepted + result.repeated == ROWS
    assert result.repeated > 0


async def test_a_stream_that_grpc_itself_cancels_goes_on_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As it does when a write fails because the other end dies."""
    cancelled: list[object] = []

    class Stub(ingest_service_pb2_grpc.IngestServiceStub):
        def __init__(self, channel: grpc.aio.Channel) -> None:
            super().__init__(channel)
            stream = self.IngestEventStream

            def cancelled_at_first(messages: object) -> object:
                call = stream(messages)
                if not cancelled:
                    cancelled.append(call.cancel())
                return call

            self.IngestEventStream = cancelled_at_first

    monkeypatch.setattr(sending, "IngestServiceStub", Stub)
    result = await imported(Door([], CUT), tmp_path, monkeypatch)
    assert cancelled == [True]
    assert result.accepted == ROWS


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


async def test_a_number_beyond_all_bounds_is_a_reject_and_no_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "odd.csv"
    cells = ["1", "1e999999", "1e500000", "-1e999999", "2"]
    path.write_text(HEADER + "".join(f"{row},2026-01-01,{cell}\n" for row, cell in enumerate(cells)))
    result = await imported(Door([], CUT), tmp_path, monkeypatch, path)
    assert (result.rows, result.accepted, result.broken) == (5, 2, 3)


def damaged_parquet(path: Path) -> Path:
    """Two row groups, the second one's pages overwritten."""
    table = pa.table({"id": [str(row) for row in range(ROWS)], "at": ["2026-01-01"] * ROWS})
    table = table.append_column("amount", pa.array([1] * ROWS))
    pq.write_table(table, path, row_group_size=50, compression="zstd", use_dictionary=False)
    column = pq.ParquetFile(path).metadata.row_group(1).column(0)
    content = bytearray(path.read_bytes())
    start = column.data_page_offset
    content[start : start + column.total_compressed_size] = b"\xff" * column.total_compressed_size
    path.write_bytes(content)
    return path


async def test_a_file_that_breaks_off_is_an_error_after_what_was_read_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "PARQUET_BATCH_ROWS", 25)
    door, result = Door([], CUT), ImportResult()
    with pytest.raises(Refusal, match="is damaged") as refused:
        await imported(door, tmp_path, monkeypatch, damaged_parquet(tmp_path / "people.parquet"), result)
    assert refused.value.code is Exit.BAD_DATA
    assert result.accepted == len(door.taken) > 0


async def test_a_refused_key_is_told_as_such_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for _ in range(5):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await imported(Door([], LOCKED), tmp_path, monkeypatch)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED


async def test_a_known_record_with_parts_left_out_counts_them_and_one_that_differs_is_told_once(
    tmp_path: Path,
) -> None:
    left_out = pb.Refusal(field="identifiers[0]", reason=pb.REFUSAL_REASON_VALUE_MASKED)
    other = pb.Refusal(field="record_id", reason=pb.REFUSAL_REASON_FIELD_INVALID, hint="has other content")
    answer = pb.IngestEventsResponse(
        results=[
            pb.IngestResult(status=pb.INGEST_STATUS_REPEATED, refusals=[left_out]),
            pb.IngestResult(status=pb.INGEST_STATUS_DIFFERS, refusals=[other]),
        ]
    )
    result = ImportResult()
    with Rejects(tmp_path / "rejects.csv") as rejects:
        sending._note(answer, [2, 3], rejects, result)
    assert (result.repeated, result.differs, result.left_out) == (1, 1, 1)
    told = (tmp_path / "rejects.csv").read_text(encoding="utf-8-sig").splitlines()[1:]
    assert told == [
        "2,left out,identifiers[0],value_masked",
        "3,differs,record_id,has other content",
    ]
