"""Batches that wait for their tenant's turn share a transaction.

A tenant has one transaction at a time; what arrives meanwhile waits, and the next one takes as much of it as it may.
"""

import asyncio
from collections import Counter, deque
from contextvars import Context, copy_context
from dataclasses import dataclass, field

from servicekit.errors import QueueFull
from servicekit.telemetry.context import sampled_traceparent

from identity.api.transactions import Transactions
from identity.app.hot_keys import HotKeys
from identity.app.ingest_records import Ingested, IngestRecords
from identity.app.joined_batches import joined, may_join, parted
from identity.app.keyed_records import Batch

MAX_JOINED_RECORDS = 2_000
"""Records of batches that share a transaction, at most: it keeps the tenant's other writers waiting."""
MAX_WAITING_RECORDS = 50_000
"""Of all tenants; what comes then gets QUEUE_FULL. They take some 5 kB each."""
MAX_WAITING_OF_TENANT = MAX_WAITING_RECORDS // 2
"""So that nobody fills the queue for all."""

Answer = asyncio.Future[Ingested]


@dataclass(frozen=True, eq=False)
class _Waiting:
    """A batch and where its answer goes. The changes it makes are told with the trace of its own call."""

    batch: Batch
    now_us: int
    after: Answer | None
    answer: Answer
    context: Context = field(default_factory=copy_context)
    traceparent: str | None = field(default_factory=sampled_traceparent)

    @property
    def records(self) -> int:
        """How much room it takes: an empty batch waits, too."""
        return max(1, len(self.batch.arrivals))

    def is_wanted(self) -> bool:
        """Whether somebody waits for it still, and the batch that it follows did not fail."""
        if self.after is not None and _failed(self.after):
            self.answer.cancel()
        return not self.answer.done()

    def may_join(self, other: "_Waiting") -> bool:
        """Whether both may share a transaction."""
        return self.traceparent == other.traceparent and may_join(self.batch, other.batch)


class IngestQueue:
    """Commits batches, those of a tenant in the order in which they are queued. For one event loop."""

    def __init__(self, transactions: Transactions, ingest: IngestRecords, hot: HotKeys) -> None:
        self._transactions = transactions
        self._ingest = ingest
        self._hot = hot
        self._waiting: dict[str, deque[_Waiting]] = {}
        self._working: set[asyncio.Task[None]] = set()
        self._records: Counter[str] = Counter()

    def put(self, batch: Batch, now_us: int, after: Answer | None = None) -> Answer:
        """Queues a batch; its answer comes after its commit. When the batch that it comes `after` fails, it is
        cancelled. A batch whose answer is cancelled while it waits is dropped. Raises QueueFull."""
        if self._records[batch.tenant] >= MAX_WAITING_OF_TENANT:
            raise QueueFull("records of a tenant", MAX_WAITING_OF_TENANT)
        if self._records.total() >= MAX_WAITING_RECORDS:
            raise QueueFull("records", MAX_WAITING_RECORDS)
        waiting = _Waiting(batch, now_us, after, asyncio.get_running_loop().create_future())
        self._records[batch.tenant] += waiting.records
        queue = self._waiting.get(batch.tenant)
        if queue is not None:
            queue.append(waiting)
            return waiting.answer
        queue = self._waiting[batch.tenant] = deque([waiting])
        task = asyncio.create_task(self._work_off(batch.tenant, queue))
        self._working.add(task)
        task.add_done_callback(self._working.discard)
        return waiting.answer

    async def close(self) -> None:
        """Cancels what waits."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)
        for queue in self._waiting.values():  # of tasks that never began
            for waiting in queue:
                waiting.answer.cancel()
        self._waiting.clear()
        self._records.clear()

    async def _work_off(self, tenant: str, queue: deque[_Waiting]) -> None:
        taken: list[_Waiting] = []
        try:
            while queue:
                taken = self._take(tenant, queue)
                if taken:
                    await self._commit(taken)
        finally:
            del self._waiting[tenant]
            del self._records[tenant]
            for waiting in (*taken, *queue):
                waiting.answer.cancel()

    def _take(self, tenant: str, queue: deque[_Waiting]) -> list[_Waiting]:
        """The batches of the next transaction: as many from the front as may share one."""
        taken: list[_Waiting] = []
        records = 0
        while queue:
            waiting = queue[0]
            if waiting.is_wanted():
                records += len(waiting.batch.arrivals)
                if taken and not (records <= MAX_JOINED_RECORDS and taken[0].may_join(waiting)):
                    break
                taken.append(waiting)
            queue.popleft()
            self._records[tenant] -= waiting.records
        return taken

    async def _commit(self, taken: list[_Waiting]) -> None:
        """When the joint transaction fails, each batch has one of its own: an error is told to nobody else."""
        batches = [waiting.batch for waiting in taken]
        now_us = max(waiting.now_us for waiting in taken)
        try:
            ingested = await self._write(taken[0], joined(batches), now_us)
        except Exception as error:
            if len(taken) > 1:
                for waiting in taken:
                    if waiting.is_wanted():
                        await self._commit([waiting])
            elif not taken[0].answer.done():
                taken[0].answer.set_exception(error)
            return
        for waiting, part in zip(taken, parted(ingested, batches), strict=True):
            if not waiting.answer.done():
                waiting.answer.set_result(part)

    async def _write(self, waiting: _Waiting, batch: Batch, now_us: int) -> Ingested:
        write = self._transactions.write(self._ingest, batch, now_us)
        ingested = await asyncio.create_task(write, context=waiting.context)
        self._hot.learn(ingested.learned)
        return ingested


def _failed(answer: Answer) -> bool:
    return answer.done() and (answer.cancelled() or answer.exception() is not None)
