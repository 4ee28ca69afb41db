"""Sends a file's rows as columns over identity's bulk import, from where it stands, and notes what was not taken."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import grpc
from huaxiang.identity.v1 import bulk_import_service_pb2 as pb
from huaxiang.identity.v1.bulk_import_service_pb2_grpc import BulkImportServiceStub

from cli.exits import Exit, Refusal
from cli.importing.columns import Chunk, ColumnPlan
from cli.importing.journal import Journal, Progress
from cli.importing.rejects import Rejects
from cli.importing.sending import STATUS, ImportResult, reason_of
from cli.suite.patience import PATIENCE_S, CutShort, hides_the_end, patiently

MESSAGES_IN_FLIGHT = 3
DIGEST_BYTES = 16
READ_BYTES = 1 << 20


def import_id_of(path: Path, mapping: Path, encoding: str | None) -> str:
    """The import's name: the same for the same file and mapping."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for each in (mapping, path):
        with each.open("rb") as file:
            while part := file.read(READ_BYTES):
                digest.update(part)
        digest.update(b"\0")
    digest.update((encoding or "").encode())
    return digest.hexdigest()


class BulkImport:
    """One run of an import. `result` grows while it runs; of an import that goes on it begins with what was."""

    def __init__(
        self,
        plan: ColumnPlan,
        import_id: str,
        journal: Journal,
        rejects: Rejects,
        advance: Callable[[int], None],
        result: ImportResult,
    ) -> None:
        self._plan = plan
        self._opening = plan.opening(import_id)
        self._journal = journal
        self._rejects = rejects
        self._advance = advance
        self._result = result
        told = journal.read()
        self._told = told or Progress()
        self._goes_on = told is not None
        self._unanswered: deque[Chunk] = deque()
        self._failure: Exception | None = None
        self._tail: Chunk | None = None

    async def send(self, channel: grpc.aio.Channel, path: Path, encoding: str | None) -> None:
        """Sends what is not committed yet. When identity is away for a moment, it goes on where that stands.

        Raises Refusal when it does not come to an end with every row answered, and what reading the file raises.
        """
        stub = BulkImportServiceStub(channel)
        chunks = self._plan.chunks(path, encoding)

        async def stream_on() -> None:
            opened = asyncio.Event()
            room = asyncio.Semaphore(MESSAGES_IN_FLIGHT)
            call = stub.ImportPersons(self._messages(chunks, opened, room))
            try:
                async for answer in call:
                    if not opened.is_set():
                        self._begin(answer)
                        opened.set()
                        continue
                    room.release()
                    self._note(self._unanswered.popleft(), answer)
            except grpc.aio.AioRpcError as error:
                if hides_the_end(error):
                    raise CutShort from error
                raise
            finally:
                call.cancel()
            if self._unanswered:
                raise CutShort

        try:
            await patiently(stream_on, PATIENCE_S, lambda: self._told.rows)
        except CutShort:
            problem = f"identity ended the import after {self._told.rows:,} rows; import the file again"
            raise Refusal(problem, Exit.NOT_REACHED) from None
        if self._failure is not None:
            raise self._failure
        if self._told.done:
            return
        self._told.done = True
        if self._tail is not None:
            self._tell(self._tail)
        else:
            self._journal.write(self._told)

    async def _messages(
        self, chunks: Iterator[Chunk], opened: asyncio.Event, room: asyncio.Semaphore
    ) -> AsyncIterator[pb.ImportPersonsRequest]:
        yield pb.ImportPersonsRequest(opening=self._opening)
        await opened.wait()
        for chunk in list(self._unanswered):
            await room.acquire()
            yield self._message(chunk)
        while (following := self._read(chunks)) is not None:
            if not following.rows:
                self._tail = following
                return
            self._unanswered.append(following)
            await room.acquire()
            yield self._message(following)

    def _read(self, chunks: Iterator[Chunk]) -> Chunk | None:
        """The next chunk that was not told of. gRPC would take an error in here for a call that was cancelled: it is
        kept, and what was read is sent."""
        try:
            for chunk in chunks:
                self._result.rows += len(chunk.rows) + len(chunk.faults)
                if chunk.first_row + len(chunk.rows) > self._told.rows or not chunk.rows:
                    return chunk
                self._advance(len(chunk.rows) + len(chunk.faults))
        except Exception as error:
            self._failure = error
        return None

    def _message(self, chunk: Chunk) -> pb.ImportPersonsRequest:
        rows = pb.ImportRows(first_row=chunk.first_row, record_batch=self._plan.batch(chunk.rows))
        return pb.ImportPersonsRequest(rows=rows)

    def _begin(self, answer: pb.ImportPersonsResponse) -> None:
        """Goes on after what was told of. Without a journal all is sent, to hear of what is committed, too."""
        if not self._goes_on or answer.rows < self._told.rows:
            self._told = Progress()
        if not self._unanswered:
            self._rejects.keep_first(self._told.rejects_bytes)
        self._goes_on = True
        self._take(answer)

    def _note(self, chunk: Chunk, answer: pb.ImportPersonsResponse) -> None:
        """Tells of a chunk's problems, and that they were told of."""
        for problem in answer.problems:
            line = chunk.lines[problem.row - chunk.first_row]
            status = STATUS.get(problem.status, "refused")
            known = status in {"accepted", "repeated"}
            for refusal in problem.refusals:
                self._told.left_out += known
                reason = reason_of(refusal)
                self._count(reason)
                self._rejects.add(
                    line, "left out" if known else status, refusal.field, refusal.hint or reason
                )
        self._told.rows = chunk.first_row + len(chunk.rows)
        self._tell(chunk)
        self._take(answer)

    def _tell(self, chunk: Chunk) -> None:
        for fault in chunk.faults:
            self._told.broken += 1
            self._count("row cannot be read")
            self._rejects.add(fault.line, "not sent", fault.column, fault.problem)
        self._told.rejects_bytes = self._rejects.flush()
        self._journal.write(self._told)
        self._advance(len(chunk.rows) + len(chunk.faults))
        self._take_told()

    def _count(self, reason: str) -> None:
        self._told.reasons[reason] = self._told.reasons.get(reason, 0) + 1

    def _take(self, answer: pb.ImportPersonsResponse) -> None:
        result = self._result
        result.accepted, result.repeated = answer.accepted, answer.known
        result.differs, result.refused = answer.differing, answer.refused
        result.revision = answer.revision.token
        self._take_told()

    def _take_told(self) -> None:
        result, told = self._result, self._told
        result.broken, result.left_out, result.reasons = told.broken, told.left_out, dict(told.reasons)
