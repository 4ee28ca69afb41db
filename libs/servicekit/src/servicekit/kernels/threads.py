"""The threads that kernels run on: one pool per process, shared by all callers.

A caller's work is cut into ranges of blocks. The caller works itself and is joined by whichever threads are free, each
taking the next range; between ranges everybody looks at the caller's cancellation. Kernels release the GIL.
"""

import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import count
from threading import Event

RANGES_PER_THREAD = 8
"""More even out ranges of unequal cost, fewer cost less to hand out."""
BLOCKS_PER_THREAD = 16
"""Blocks from which on another thread pays for being woken."""
RANGE_MOST = 64
"""Blocks of a range: how much is still done after a cancellation."""


class Cancelled(Exception):
    """The caller does not want the answer any more."""


class Cancellation:
    """Set from any thread, looked at between ranges. `stops`: says, besides, whether nobody wants the answer."""

    def __init__(self, stops: Callable[[], bool] | None = None) -> None:
        self._event = Event()
        self._stops = stops

    def cancel(self) -> None:
        self._event.set()

    def check(self) -> None:
        """Raises Cancelled."""
        if self._event.is_set() or (self._stops is not None and self._stops()):
            raise Cancelled


class Threads:
    """`size` threads work on one call at most, the caller's among them. They end with `close`, or with the process."""

    def __init__(self, size: int | None = None) -> None:
        self.size = size or os.cpu_count() or 1
        self._pool = ThreadPoolExecutor(self.size - 1, thread_name_prefix="blocks") if self.size > 1 else None

    def close(self) -> None:
        """Waits for what runs."""
        if self._pool is not None:
            self._pool.shutdown()

    def each(
        self,
        blocks: int,
        work: Callable[[int, int], None],
        cancellation: Cancellation | None = None,
    ) -> None:
        """Calls `work(first, last)` for ranges that cover 0..blocks once, in any order, from several threads.

        Returns when all of it is done. Raises what `work` raised first, or Cancelled; nobody works on it any more then.
        """
        span = max(1, min(RANGE_MOST, blocks // (self.size * RANGES_PER_THREAD)))
        starts = count(0, span)
        stop = Event()

        def take() -> None:
            try:
                while not stop.is_set() and (first := next(starts)) < blocks:
                    if cancellation is not None:
                        cancellation.check()
                    work(first, min(first + span, blocks))
            except BaseException:
                stop.set()
                raise

        helpers: list[Future[None]] = []
        if self._pool is not None:
            wanted = min(self.size, blocks // BLOCKS_PER_THREAD) - 1
            helpers = [self._pool.submit(take) for _ in range(wanted)]
        try:
            take()
        finally:
            failures = [each.exception() for each in helpers if not each.cancel()]
        for failure in failures:
            if failure is not None:
                raise failure
