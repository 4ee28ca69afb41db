"""What a consumer has received and not yet applied: bounded, per lane, taken in turns."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Generic, TypeVar

from servicekit.progress import Progress
from servicekit.revision import LANES, Lane
from servicekit.turns import Turns

MERGED_CHANGES = 2_000
"""Waiting batches of a lane are taken as one up to this many changes: one commit for all of them. Those of the bulk
lane are not while the live lane flows, which would wait for that commit."""
QUEUED_CHANGES = 2_000
"""A lane that waits with so many takes no further batch, of 500 changes or 1 MiB at most; then the stream's flow
control holds."""
QUEUED_BATCHES = 64
"""Likewise with so many batches: a stream of small ones shares commits as one of large ones does."""
LINKED_TRACES = 32
"""Traces that a merged batch remembers, at most."""

ChangeT = TypeVar("ChangeT")


@dataclass(frozen=True)
class Batch(Generic[ChangeT]):
    """Changes of one lane in order, none in a heartbeat. `traceparents` are those of sampled changes, each
    once."""

    lane: Lane
    changes: Sequence[ChangeT]
    progress: Progress
    traceparents: tuple[str, ...] = ()

    def then(self, later: "Batch[ChangeT]") -> "Batch[ChangeT]":
        """This and the batch that follows it in the same lane, as one."""
        traces = dict.fromkeys((*self.traceparents, *later.traceparents))
        return Batch(
            self.lane, (*self.changes, *later.changes), later.progress, tuple(traces)[:LINKED_TRACES]
        )


class Inbox(Generic[ChangeT]):
    """Any number put, one takes, on one event loop."""

    def __init__(self) -> None:
        self._waiting: dict[Lane, deque[Batch[ChangeT]]] = {lane: deque() for lane in LANES}
        self._changed = asyncio.Condition()
        self._turns = Turns()

    async def put(self, batch: Batch[ChangeT]) -> None:
        """Adds a batch; waits while its lane is full."""
        waiting = self._waiting[batch.lane]
        async with self._changed:
            await self._changed.wait_for(lambda: _has_room(waiting))
            waiting.append(batch)
            self._changed.notify_all()

    async def take(self, live_from: float = 0.0) -> Batch[ChangeT]:
        """The next batch by turns, with those that follow it in its lane; waits while there is none. Live ones that are
        not full yet wait for each other until `live_from`, of the loop's time."""
        async with self._changed:
            while not (ready := self._ready(live_from)):
                has_live = bool(self._waiting[Lane.LIVE])
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(live_from if has_live else None):
                        await self._changed.wait()
            lane = next(lane for lane in self._turns.order() if lane in ready)
            limit = 0 if lane is Lane.BULK and self._turns.live_flows else MERGED_CHANGES
            self._turns.served(lane)
            waiting = self._waiting[lane]
            taken = waiting.popleft()
            while waiting and len(taken.changes) + len(waiting[0].changes) <= limit:
                taken = taken.then(waiting.popleft())
            self._changed.notify_all()
            return taken

    def _ready(self, live_from: float) -> set[Lane]:
        ready = {lane for lane, waiting in self._waiting.items() if waiting}
        is_early = asyncio.get_running_loop().time() < live_from and _has_room(self._waiting[Lane.LIVE])
        return ready - {Lane.LIVE} if is_early else ready


def _has_room(waiting: Collection[Batch[ChangeT]]) -> bool:
    return len(waiting) < QUEUED_BATCHES and sum(len(each.changes) for each in waiting) < QUEUED_CHANGES
