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
from identity.api.ingest_queue import Answer, IngestQueue
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
        self._parser = parser
        self._ingest = ingest
        self._queue = IngestQueue(transactions, ingest, hot)
        self._clock = clock
        self._threads = ThreadPoolExecutor(PARSE_THREADS, thread_name_prefix="parse")

    async def IngestEvents(
        self, request: ingest_service_pb2.IngestEventsRequest, context: Context
    ) -> ingest_service_pb2.IngestEventsResponse:
        now_us = self._now_us()
        return render.ingested(await self._queue.put(await self._prepare(request, now_us), now_us))

    async def IngestEventStream(
        self,
        request_iterator: AsyncIterator[ingest_service_pb2.IngestEventStreamRequest],
        context: Context,
    ) -> AsyncIterator[ingest_service_pb2.IngestEventStreamResponse]:
        """Messages are prepared side by side and queued one after the other."""
        working: deque[asyncio.Task[Answer]] = deque()
        room = asyncio.Semaphore(MAX_MESSAGES_IN_WORK)
        more = asyncio.Event()

        async def read_all() -> None:
            before: asyncio.Task[Answer] | None = None
            async for message in request_iterator:
                await room.acquire()
                before = asyncio.create_task(self._queue_after(before, message.batch))
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
                answer = await (await working[0])
                working.popleft()
                room.release()
                yield ingest_service_pb2.IngestEventStreamResponse(batch=render.ingested(answer))
            await reader
        finally:
            reader.cancel()
            for task in working:
                _give_up(task)
            await asyncio.gather(reader, *working, return_exceptions=True)

    async def close(self) -> None:
        """Lets the threads go."""
        await self._queue.close()
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _queue_after(
        self, before: "asyncio.Task[Answer] | None", request: ingest_service_pb2.IngestEventsRequest
    ) -> Answer:
        """Queues a message after the one before it; when that was refused, the stream is over."""
        now_us = self._now_us()
        prepared = await self._prepare(request, now_us)
        after = None if before is None else await asyncio.shield(before)
        return self._queue.put(prepared, now_us, after)

    async def _prepare(self, request: ingest_service_pb2.IngestEventsRequest, now_us: int) -> Batch:
        lane = parse.ingest_lane(request)
        principal = current_principal()
        tenant = principal.require_tenant()

        def prepare() -> Batch:
            arrivals = self._parser.parse(request.records, now_us, may_anchor=principal.is_service)
            return self._ingest.prepare(tenant, lane, arrivals)

        return await asyncio.get_running_loop().run_in_executor(self._threads, prepare)

    def _now_us(self) -> int:
        return int(self._clock.now().timestamp() * 1_000_000)


def _give_up(task: asyncio.Task[Answer]) -> None:
    """Nobody waits for a message any more, wherever it is."""
    if not task.cancel() and not task.cancelled() and task.exception() is None:
        task.result().cancel()
