"""The pull side of a Watch: keeps one service up to date with one service to its left.

A consumer reads one stream per lane into small queues and applies from them in turns: live first, bulk at
least a tenth. It never replays from zero: without a cursor, when history is gone, or when the other store
was restored, it bootstraps. Every other failure is logged and tried again after a growing pause.
"""

import asyncio
import random
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Generic, Literal, Protocol, TypeVar

from servicekit.errors import HistoryGone, RevisionForeign, UpstreamUnavailable
from servicekit.inbox import Batch, Inbox
from servicekit.logging import logger
from servicekit.progress import Progress
from servicekit.revision import LANES, Lane, Revision
from servicekit.telemetry.context import parse_traceparent
from servicekit.telemetry.names import CONSUME, CONSUMER, ENTRY_COUNT, LANE, Attribute
from servicekit.telemetry.spans import AttributeValue, tracer

STALL_S = 10.0
"""A stream that stays silent this long is taken for dead: a healthy one sends a heartbeat each second."""
FIRST_PAUSE_S = 0.1
MAX_PAUSE_S = 10.0
GATHERED_MOST_S = 0.1
"""Live changes wait so long for others to share a batch with, at most."""

ChangeT = TypeVar("ChangeT")
ChunkT = TypeVar("ChunkT")
SentChunkT_co = TypeVar("SentChunkT_co", covariant=True)
TakenChunkT_contra = TypeVar("TakenChunkT_contra", contravariant=True)


class ChangeSource(Protocol[ChangeT, SentChunkT_co]):
    """A service to the left, as its Watch and the bootstrap beside it. Raises HistoryGone and
    RevisionForeign as such, anything else for "try again". Streams are closed when their reader leaves
    them."""

    @property
    def service(self) -> str:
        """Its name, as in its revisions."""
        ...

    def watch(self, after: Revision, lane: Lane) -> AsyncGenerator[Batch[ChangeT], None]:
        """What follows the cursor in one lane, for ever, a heartbeat each second."""
        ...

    def bootstrap(self) -> AsyncGenerator[SentChunkT_co | Progress, None]:
        """The whole state in chunks; the last item, and only that, is the Progress to watch from."""
        ...


class ChangeSink(Protocol[ChangeT, TakenChunkT_contra]):
    """Where changes go. Each method is one transaction, in which it stores the progress beside the changes
    (servicekit.upstream); all of them may be repeated after a failure, changes may come twice."""

    async def load_cursor(self) -> Revision | None:
        """The stored cursor; None before the first bootstrap has finished, and while one is under way."""
        ...

    async def begin_bootstrap(self) -> None:
        """Forgets the cursor. What is stored stays readable and is compared with what comes."""
        ...

    async def apply_bootstrap_chunk(self, chunk: TakenChunkT_contra) -> None:
        """Takes a part of the state; it replaces what is stored, whatever version that has. Appends
        nothing."""
        ...

    async def finish_bootstrap(self, progress: Progress) -> None:
        """Removes what did not come, and calls Changelog.finish_bootstrap."""
        ...

    async def apply(self, batch: Batch[ChangeT]) -> None:
        """Applies a batch and stores its progress (upstream.advance).

        Of changes about one object the greatest version wins. What follows from the batch is appended to its
        lane: the state as stored after it, also for a change that was stale because the other lane had
        overtaken it, or the promise made in this lane would rest on an entry in the other one.
        """
        ...


@dataclass
class ConsumerState:
    """What a health page or a metric shows. Times are loop.time() seconds."""

    phase: Literal["starting", "bootstrapping", "watching", "pausing"] = "starting"
    batches: int = 0
    applied: int = 0
    bootstraps: int = 0
    failures: int = 0
    last_failure: str = ""
    last_progress: dict[Lane, float] = field(default_factory=dict)
    streams: set[Lane] = field(default_factory=set)
    """Lanes whose stream has brought something since it was opened last, were it a heartbeat."""

    def is_following(self) -> bool:
        """Whether both streams stand. How far behind they are is another question."""
        return self.phase == "watching" and len(self.streams) == len(LANES)

    def lag_s(self) -> float | None:
        """Seconds since the lane that is further behind made progress; None before both did."""
        if len(self.last_progress) < len(LANES):
            return None
        return asyncio.get_running_loop().time() - min(self.last_progress.values())


class Consumer(Generic[ChangeT, ChunkT]):
    """Runs until cancelled: a worker of ServiceApp. `name` is the consumer's in the upstream table. `gathers`: for so
    many times as long as a live batch took the next one gathers, for a sink where a batch costs much whatever is in
    it."""

    def __init__(
        self,
        name: str,
        source: ChangeSource[ChangeT, ChunkT],
        sink: ChangeSink[ChangeT, ChunkT],
        *,
        first_pause_s: float = FIRST_PAUSE_S,
        stall_s: float = STALL_S,
        gathers: float = 0.0,
    ) -> None:
        self.name = name
        self.state = ConsumerState()
        self._source = source
        self._sink = sink
        self._first_pause_s = first_pause_s
        self._stall_s = stall_s
        self._gathers = gathers
        self._log = logger().bind(consumer=name)

    async def run(self) -> None:
        """Bootstraps when it must, watches, and tries again after every failure."""
        pause_s = self._first_pause_s
        bootstrap_due = False
        while True:
            batches_before = self.state.batches
            try:
                cursor = None if bootstrap_due else await self._sink.load_cursor()
                if cursor is None:
                    await self._bootstrap()
                    bootstrap_due = False
                    continue
                await self._follow(cursor)
            except Exception as error:
                bootstrap_due = bootstrap_due or isinstance(error, HistoryGone | RevisionForeign)
                self.state.failures += 1
                self.state.last_failure = type(error).__name__
                self.state.phase = "pausing"
                if self.state.batches > batches_before:
                    pause_s = self._first_pause_s
                self._tell(error, pause_s)
                await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
                pause_s = min(pause_s * 2, MAX_PAUSE_S)

    def _tell(self, error: Exception, pause_s: float) -> None:
        """What is expected, a service away, history gone, takes one short line; anything else its frames."""
        if isinstance(error, UpstreamUnavailable | HistoryGone | RevisionForeign):
            self._log.warning("consumer waits, trying again", reason=error.reason, pause_s=round(pause_s, 2))
        else:
            self._log.warning("consumer failed, trying again", pause_s=round(pause_s, 2), exc_info=error)

    async def _bootstrap(self) -> None:
        self.state.phase = "bootstrapping"
        self._log.info("bootstrapping")
        await self._sink.begin_bootstrap()
        progress: Progress | None = None
        async with aclosing(self._source.bootstrap()) as chunks:
            async for chunk in chunks:
                if progress is not None:
                    raise ValueError(f"the bootstrap of {self._source.service} went on after its revision")
                if isinstance(chunk, Progress):
                    progress = chunk
                else:
                    await self._sink.apply_bootstrap_chunk(chunk)
        if progress is None:
            raise ValueError(f"the bootstrap of {self._source.service} ended without a revision")
        await self._sink.finish_bootstrap(progress)
        self.state.bootstraps += 1
        self._log.info("bootstrapped")

    async def _follow(self, cursor: Revision) -> None:
        """Reads both lanes and applies, until one of the three fails."""
        self.state.phase = "watching"
        self.state.streams.clear()
        inbox = Inbox[ChangeT]()
        tasks = [asyncio.ensure_future(self._read(cursor, lane, inbox)) for lane in LANES]
        tasks.append(asyncio.ensure_future(self._apply(inbox)))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            ended = [task for task in tasks if task.done()]
        finally:  # not a task group: it would hide a cancellation that meets a failure
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        raise _telling([_failure(task) for task in ended])

    async def _read(self, cursor: Revision, lane: Lane, inbox: Inbox[ChangeT]) -> None:
        async with aclosing(self._source.watch(cursor, lane)) as batches:
            while True:
                try:
                    async with asyncio.timeout(self._stall_s):
                        batch = await anext(batches)
                except StopAsyncIteration:
                    raise ConnectionError(f"the watch of {self._source.service} ended") from None
                if batch.progress.through.epoch != cursor.epoch:
                    raise HistoryGone(0, f"{self._source.service} was restored")
                await inbox.put(batch)

    async def _apply(self, inbox: Inbox[ChangeT]) -> None:
        loop = asyncio.get_running_loop()
        live_from = 0.0
        while True:
            batch = await inbox.take(live_from)
            started = loop.time()
            traces = [trace for trace in map(parse_traceparent, batch.traceparents) if trace is not None]
            if traces:
                attributes: dict[Attribute, AttributeValue] = {
                    CONSUMER: self.name,
                    LANE: batch.lane.name,
                    ENTRY_COUNT: len(batch.changes),
                }
                with tracer().span(
                    CONSUME.name,
                    "consumer",
                    parent=traces[0],
                    attributes=attributes,
                    links=tuple(traces[1:]),
                ):
                    await self._sink.apply(batch)
            else:
                await self._sink.apply(batch)
            self.state.batches += 1
            self.state.applied += len(batch.changes)
            self.state.streams.add(batch.lane)
            self.state.last_progress[batch.lane] = ended = loop.time()
            if batch.lane is Lane.LIVE:
                live_from = ended + min(self._gathers * (ended - started), GATHERED_MOST_S)


def _failure(task: "asyncio.Future[None]") -> BaseException:
    """Why a task ended that never should."""
    if task.cancelled():
        return ConnectionError("a stream was cancelled from elsewhere")
    return task.exception() or ConnectionError("a stream ended")


def _telling(failures: list[BaseException]) -> BaseException:
    """The failure to act on: one that asks for a bootstrap, else the first."""
    asking = [each for each in failures if isinstance(each, HistoryGone | RevisionForeign)]
    return (asking or failures)[0]
