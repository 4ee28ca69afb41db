"""IngestService."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor

import grpc
from huaxiang.identity.v1 import ingest_service_pb2
from servicekit.calls import current_principal
from servicekit.clock import Clock

from identity.api import render
from identity.api.ingest_queue import Answer, IngestQueue
from identity.api.parse_records import RecordParser
from identity.api.preparation import Message, Preparation
from identity.api.preparers import Preparers
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import IngestRecords
from identity.app.keyed_records import Batch

MAX_MESSAGES_IN_WORK = 8
PREPARE_THREADS = 2
MIN_PREPARER_BYTES = 8_192
"""Smaller messages are prepared here: the way to another process and back takes as long."""
Context = grpc.aio.ServicerContext[object, object]


class IngestServicer:
    """Messages come as bytes (ingest_rpcs.py). They are parsed, normalised and hashed in threads, or in other
    processes, beside the transactions."""

    def __init__(
        self,
        transactions: Transactions,
        parser: RecordParser,
        policies: TenantPolicies,
        ingest: IngestRecords,
        hot: HotKeys,
        clock: Clock,
        preparers: Preparers | None = None,
    ) -> None:
        self._preparation = Preparation(parser, ingest.prepare)
        self._policies = policies
        self._preparers = preparers
        self._ingest = ingest
        self._queue = IngestQueue(transactions, ingest, hot)
        self._clock = clock
        self._threads = ThreadPoolExecutor(PREPARE_THREADS, thread_name_prefix="prepare")
        asking = 1 + (preparers.count if preparers is not None else 0)  # one reads an answer, all are busy
        self._asking = ThreadPoolExecutor(asking, thread_name_prefix="ask-preparer")

    async def IngestEvents(self, request: bytes, context: Context) -> ingest_service_pb2.IngestEventsResponse:
        message = self._message(request, streamed=False)
        return render.ingested(await self._queue.put(await self._prepared(message), message.now_us))

    async def IngestEventStream(
        self, request_iterator: AsyncIterator[bytes], context: Context
    ) -> AsyncIterator[ingest_service_pb2.IngestEventStreamResponse]:
        """Messages are prepared side by side and queued one after the other."""
        working: deque[asyncio.Task[Answer]] = deque()
        room = asyncio.Semaphore(MAX_MESSAGES_IN_WORK)
        more = asyncio.Event()

        async def read_all() -> None:
            before: asyncio.Task[Answer] | None = None
            async for content in request_iterator:
                await room.acquire()
                message = self._message(content, streamed=True)
                before = asyncio.create_task(self._queue_after(before, message))
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
        """Lets the threads and processes go."""
        await self._queue.close()
        for threads in (self._threads, self._asking):
            threads.shutdown(wait=False, cancel_futures=True)
        if self._preparers is not None:
            await asyncio.to_thread(self._preparers.close)

    async def _queue_after(self, before: "asyncio.Task[Answer] | None", message: Message) -> Answer:
        """Queues a message after the one before it; when that was refused, the stream is over."""
        prepared = await self._prepared(message)
        after = None if before is None else await asyncio.shield(before)
        return self._queue.put(prepared, message.now_us, after)

    def _message(self, content: bytes, *, streamed: bool) -> Message:
        principal = current_principal()
        now_us = int(self._clock.now().timestamp() * 1_000_000)
        return Message(content, streamed, principal.require_tenant(), now_us, principal.is_service)

    async def _prepared(self, message: Message) -> Batch:
        loop = asyncio.get_running_loop()
        preparation = self._preparation.under(await self._policies.of(message.tenant))
        able = self._preparers is not None and preparation is self._preparation
        if self._preparers is not None and able and len(message.content) >= MIN_PREPARER_BYTES:
            batch = await loop.run_in_executor(self._asking, self._preparers.prepare, message)
            if batch is not None:
                return self._ingest.adopt(batch)
        return await loop.run_in_executor(self._threads, preparation, message)


def _give_up(task: asyncio.Task[Answer]) -> None:
    """Nobody waits for a message any more, wherever it is."""
    if not task.cancel() and not task.cancelled() and task.exception() is None:
        task.result().cancel()
