"""IngestService."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from huaxiang.identity.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.clock import Clock

from identity.api import parse, render
from identity.api.parse_records import RecordParser
from identity.api.transactions import Transactions
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Batch, IngestRecords

MAX_MESSAGES_IN_WORK = 8
PARSE_THREADS = 2
Context = grpc.aio.ServicerContext[object, object]


class IngestServicer(ingest_service_pb2_grpc.IngestServiceServicer):
    """Parsing, normalising and hashing run in threads of their own beside the transactions."""

    def __init__(
        self,
        transactions: Transactions,
        parser: RecordParser,
        ingest: IngestRecords,
        hot: HotKeys,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._parser = parser
        self._ingest = ingest
        self._hot = hot
        self._clock = clock
        self._threads = ThreadPoolExecutor(PARSE_THREADS, thread_name_prefix="parse")

    async def IngestEvents(
        self, request: ingest_service_pb2.IngestEventsRequest, context: Context
    ) -> ingest_service_pb2.IngestEventsResponse:
        now_us = self._now_us()
        return await self._commit(await self._prepare(request, now_us), now_us)

    async def IngestEventStream(
        self,
        request_iterator: AsyncIterator[ingest_service_pb2.IngestEventStreamRequest],
        context: Context,
    ) -> AsyncIterator[ingest_service_pb2.IngestEventStreamResponse]:
        """Messages are prepared side by side and committed one after the other."""
        working: deque[asyncio.Task[ingest_service_pb2.IngestEventsResponse]] = deque()
        room = asyncio.Semaphore(MAX_MESSAGES_IN_WORK)
        more = asyncio.Event()

        async def read_all() -> None:
            before: asyncio.Task[ingest_service_pb2.IngestEventsResponse] | None = None
            async for message in request_iterator:
                await room.acquire()
                before = asyncio.create_task(self._commit_after(before, message.batch))
                working.append(before)
                more.set()

        reader = asyncio.create_task(read_all())
        reader.add_done_callback(lambda _: more.set())
        try:
            while working or not reader.done():
                if not working:
                    await more.wait()
                    more.clear()
                    continue
                answer = await working[0]
                working.popleft()
                room.release()
                yield ingest_service_pb2.IngestEventStreamResponse(batch=answer)
            await reader
        finally:
            for task in [reader, *working]:
                task.cancel()
            await asyncio.gather(reader, *working, return_exceptions=True)

    async def close(self) -> None:
        """Lets the threads go."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _commit_after(
        self,
        before: "asyncio.Task[ingest_service_pb2.IngestEventsResponse] | None",
        request: ingest_service_pb2.IngestEventsRequest,
    ) -> ingest_service_pb2.IngestEventsResponse:
        """Commits a message after the one before it; when that failed, the stream is over."""
        now_us = self._now_us()
        prepared = await self._prepare(request, now_us)
        if before is not None:
            await asyncio.shield(before)
        return await self._commit(prepared, now_us)

    async def _prepare(self, request: ingest_service_pb2.IngestEventsRequest, now_us: int) -> Batch:
        lane = parse.ingest_lane(request)
        principal = current_principal()
        tenant = principal.require_tenant()

        def prepare() -> Batch:
            arrivals = self._parser.parse(request.records, now_us, may_anchor=principal.is_service)
            return self._ingest.prepare(tenant, lane, arrivals)

        return await asyncio.get_running_loop().run_in_executor(self._threads, prepare)

    async def _commit(self, batch: Batch, now_us: int) -> ingest_service_pb2.IngestEventsResponse:
        answer = await self._transactions.write(self._ingest, batch, now_us)
        self._hot.learn(answer.learned)
        return render.ingested(answer)

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)
