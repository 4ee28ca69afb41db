"""Sends a file's records over the front door's stream and writes down what was not taken."""

import asyncio
import csv
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import grpc
from huaxiang.identity.v1 import ingest_service_pb2 as pb
from huaxiang.identity.v1 import record_pb2
from huaxiang.identity.v1.ingest_service_pb2_grpc import IngestServiceStub
from huaxiang.type.v1 import revision_pb2

from cli.exits import Exit, Refusal
from cli.importing.mapping import FileMapping
from cli.importing.records import BadRow, record_of
from cli.importing.rows import BrokenRow, read_rows
from cli.suite.patience import PATIENCE_S, CutShort, patiently

RECORDS_PER_MESSAGE = 500
MESSAGES_IN_FLIGHT = 8
BROKEN_WRITE = "Internal error from Core"
"""What grpc.aio says of a stream that ended while it was being written to, whatever the stream's own end was."""
_LANES = {"live": revision_pb2.LANE_LIVE, "bulk": revision_pb2.LANE_BULK}
_STATUS = {
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


class Rejects:
    """The rejects file: line, what became of the row, field, reason. Holds no value of a row. Made on first use."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: Any = None
        self._writer: Any = None

    def __enter__(self) -> "Rejects":
        self.path.unlink(missing_ok=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._file is not None:
            self._file.close()

    def add(self, line: int, outcome: str, where: str, reason: str) -> None:
        if self._writer is None:
            self._file = self.path.open("w", encoding="utf-8-sig", newline="")
            self._writer = csv.writer(self._file)
            self._writer.writerow(["line", "outcome", "field", "reason"])
        self._writer.writerow([line, outcome, where, reason])


@dataclass(frozen=True, slots=True)
class _Batch:
    lines: list[int]
    records: list[record_pb2.Record]


async def send_file(
    channel: grpc.aio.Channel,
    path: Path,
    mapping: FileMapping,
    rejects: Rejects,
    progress: Callable[[int], None],
    encoding: str | None = None,
) -> ImportResult:
    """Imports a file. Repeatable: records known already change nothing. `progress` hears of rows acknowledged.

    When identity is away for a moment, what it has not answered is sent again. Raises Refusal when it does not come to
    an end with every row answered.
    """
    result = ImportResult()
    batches = _batches(path, mapping, rejects, result, encoding)
    unanswered: deque[_Batch] = deque()
    lane = _LANES[mapping.lane]

    async def stream_on() -> None:
        room = asyncio.Semaphore(MESSAGES_IN_FLIGHT)
        call = IngestServiceStub(channel).IngestEventStream(_requests(batches, unanswered, room, lane))
        try:
            async for answer in call:
                room.release()
                batch = unanswered.popleft()
                _note(answer.batch, batch.lines, rejects, result)
                result.revision = answer.batch.revision.token
                progress(len(batch.lines))
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.INTERNAL and error.details() == BROKEN_WRITE:
                raise CutShort from error
            raise
        finally:
            call.cancel()
        if unanswered:
            raise CutShort

    try:
        await patiently(stream_on, PATIENCE_S, lambda: result.answered)
    except CutShort:
        problem = f"identity ended the import after {result.rows:,} rows were read; import the file again"
        raise Refusal(problem, Exit.NOT_REACHED) from None
    return result


async def _requests(
    batches: Iterator[_Batch], unanswered: deque[_Batch], room: asyncio.Semaphore, lane: Any
) -> AsyncIterator[pb.IngestEventStreamRequest]:
    """What an earlier stream was not told about, then the rest of the file."""
    for batch in list(unanswered):
        await room.acquire()
        yield _message(batch, lane)
    for batch in batches:
        unanswered.append(batch)
        await room.acquire()
        yield _message(batch, lane)


def _message(batch: _Batch, lane: Any) -> pb.IngestEventStreamRequest:
    return pb.IngestEventStreamRequest(batch=pb.IngestEventsRequest(records=batch.records, lane=lane))


def dry_run(
    path: Path, mapping: FileMapping, rejects: Rejects, progress: Callable[[int], None], encoding: str | None
) -> ImportResult:
    """Reads and maps every row and sends nothing."""
    result = ImportResult()
    for batch in _batches(path, mapping, rejects, result, encoding):
        progress(len(batch.lines))
    return result


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
            records.append(record_of(row.cells, mapping))
        except BadRow as error:
            _reject(rejects, result, row.line, error.column, error.problem)
            continue
        lines.append(row.line)
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
        status = _STATUS.get(outcome.status, "refused")
        setattr(result, status, getattr(result, status) + 1)
        if status == "differs":
            rejects.add(line, status, "", "the record is known with other content; the first stands")
        for refusal in outcome.refusals:
            result.left_out += status == "accepted"
            reason = pb.RefusalReason.Name(refusal.reason).removeprefix("REFUSAL_REASON_").lower()
            result.count(reason)
            rejects.add(
                line, "left out" if status == "accepted" else status, refusal.field, refusal.hint or reason
            )
