"""Sends a file's records over the front door's stream and writes down what was not taken."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from huaxiang.identity.v1 import ingest_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import revision_pb2

from cli.enum_names import name_of
from cli.exits import Exit, Refusal
from cli.importing.mapping import FileMapping
from cli.importing.records import BadRow, record_of
from cli.importing.rejects import Rejects
from cli.importing.rows import BrokenRow, read_rows
from cli.suite.patience import PATIENCE_S, CutShort, hides_the_end, patiently

RECORDS_PER_MESSAGE = 500
MESSAGES_IN_FLIGHT = 8
_LANES = {"live": revision_pb2.LANE_LIVE, "bulk": revision_pb2.LANE_BULK}
STATUS = {
    pb.INGEST_STATUS_ACCEPTED: "accepted",
    pb.INGEST_STATUS_REPEATED: "repeated",
    pb.INGEST_STATUS_DIFFERS: "differs",
    pb.INGEST_STATUS_REFUSED: "refused",
}


@dataclass
class ImportResult:
    """What became of a file. `broken` rows never left; `left_out` are parts of accepted records."""

    rows: int = 0
    accepted: int = 0
    repeated: int = 0
    differs: int = 0
    refused: int = 0
    broken: int = 0
    left_out: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    event_types: dict[str, int] = field(default_factory=dict)
    """How many rows tell of each type of event, whatever became of them."""
    revision: str = ""

    @property
    def answered(self) -> int:
        """Rows that identity has answered."""
        return self.accepted + self.repeated + self.differs + self.refused

    @property
    def clean(self) -> bool:
        """Whether every row became a record."""
        return not (self.refused or self.broken or self.differs)

    def count(self, reason: str) -> None:
        self.reasons[reason] = self.reasons.get(reason, 0) + 1


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: list[int]
    records: list[record_pb2.Record]


class _Outbox:
    """The batches of a file on their way: those that wait for an answer, then those that are still to be read."""

    def __init__(self, batches: Iterator[_Batch], lane: Any) -> None:
        self.unanswered: deque[_Batch] = deque()
        self.failure: Exception | None = None
        self._batches = batches
        self._lane = lane

    async def messages(self, room: asyncio.Semaphore) -> AsyncIterator[pb.IngestEventStreamRequest]:
        """What an earlier stream was not told about, then the rest of the file."""
        for batch in list(self.unanswered):
            await room.acquire()
            yield self._message(batch)
        while (read := self._read()) is not None:
            self.unanswered.append(read)
            await room.acquire()
            yield self._message(read)

    def _read(self) -> _Batch | None:
        """gRPC would take an error in here for a call that was cancelled: it is kept, and what was read is sent."""
        try:
            return next(self._batches, None)
        except Exception as error:
            self.failure = error
            return None

    def _message(self, batch: _Batch) -> pb.IngestEventStreamRequest:
        request = pb.IngestEventsRequest(records=batch.records, lane=self._lane)
        return pb.IngestEventStreamRequest(batch=request)


async def send_file(
    channel: grpc.aio.Channel,
    path: Path,
    mapping: FileMapping,
    rejects: Rejects,
    progress: Callable[[int], None],
    encoding: str | None = None,
    result: ImportResult | None = None,
) -> ImportResult:
    """Imports a file. Repeatable: records known already change nothing. `progress` hears of rows acknowledged; `result`
    grows while it runs.

    When identity is away for a moment, what it has not answered is sent again. Raises Refusal when it does not come to
    an end with every row answered, and what reading the file raises, once all that was read is answered.
    """
    result = ImportResult() if result is None else result
    lane = _LANES[mapping.lane]
    outbox = _Outbox(_batches(path, mapping, rejects, result, encoding), lane)
    stub = IngestServiceStub(channel)

    async def stream_on() -> None:
        room = asyncio.Semaphore(MESSAGES_IN_FLIGHT)
        call = stub.IngestEventStream(outbox.messages(room))
        try:
            async for answer in call:
                room.release()
                batch = outbox.unanswered.popleft()
                _note(answer.batch, batch.lines, rejects, result)
                result.revision = answer.batch.revision.token
                progress(len(batch.lines))
        except grpc.aio.AioRpcError as error:
            if not hides_the_end(error):
                raise
            await stub.IngestEvents(pb.IngestEventsRequest(lane=lane))  # raises why, if that lasts
            raise CutShort from error
        except asyncio.CancelledError:  # grpc cancels a call whose write fails as the other end dies
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            raise CutShort from None
        finally:
            call.cancel()
        if outbox.unanswered:
            raise CutShort

    try:
        await patiently(stream_on, PATIENCE_S, lambda: result.answered)
    except CutShort:
        problem = f"identity ended the import after {result.rows:,} rows were read; import the file again"
        raise Refusal(problem, Exit.NOT_REACHED) from None
    if outbox.failure is not None:
        raise outbox.failure
    return result


def dry_run(
    path: Path,
    mapping: FileMapping,
    rejects: Rejects,
    progress: Callable[[int], None],
    encoding: str | None,
    result: ImportResult,
) -> None:
    """Reads and maps every row and sends nothing; `result` grows while it runs."""
    for batch in _batches(path, mapping, rejects, result, encoding):
        progress(len(batch.lines))


def _batches(
    path: Path, mapping: FileMapping, rejects: Rejects, result: ImportResult, encoding: str | None
) -> Iterator[_Batch]:
    lines: list[int] = []
    records: list[record_pb2.Record] = []
    for row in read_rows(path, encoding):
        result.rows += 1
        if isinstance(row, BrokenRow):
            _reject(rejects, result, row.line, "", row.problem)
            continue
        try:
            record = record_of(row.cells, mapping)
        except BadRow as error:
            _reject(rejects, result, row.line, error.column, error.problem)
            continue
        records.append(record)
        lines.append(row.line)
        if mapping.event is not None:
            result.event_types[record.event.type] = result.event_types.get(record.event.type, 0) + 1
        if len(records) == RECORDS_PER_MESSAGE:
            yield _Batch(lines, records)
            lines, records = [], []
    if records:
        yield _Batch(lines, records)


def _reject(rejects: Rejects, result: ImportResult, line: int, column: str, problem: str) -> None:
    result.broken += 1
    result.count("row cannot be read")
    rejects.add(line, "not sent", column, problem)


def _note(answer: pb.IngestEventsResponse, lines: list[int], rejects: Rejects, result: ImportResult) -> None:
    for line, outcome in zip(lines, answer.results, strict=True):
        status = STATUS.get(outcome.status, "refused")
        setattr(result, status, getattr(result, status) + 1)
        known = status in {"accepted", "repeated"}
        for refusal in outcome.refusals:
            result.left_out += known
            reason = reason_of(refusal)
            result.count(reason)
            rejects.add(line, "left out" if known else status, refusal.field, refusal.hint or reason)


def reason_of(refusal: pb.Refusal) -> str:
    """Why a part was not taken, in a word."""
    return name_of(pb.RefusalReason, refusal.reason)
