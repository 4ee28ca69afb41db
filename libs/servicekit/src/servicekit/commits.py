"""Wakes whoever waits for a commit of this process: watches and freshness look again instead of polling."""

import asyncio
from threading import Lock


class Commits:
    """Counts commits. `notify` may be called from any thread, `wait_beyond` from any event loop."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._count = 0
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]] = []

    @property
    def count(self) -> int:
        """How many commits there were."""
        return self._count

    def notify(self) -> None:
        """Counts one commit and wakes all who wait."""
        with self._lock:
            self._count += 1
            woken, self._waiting = self._waiting, []
        for loop, future in woken:
            try:
                loop.call_soon_threadsafe(_wake, future)
            except RuntimeError:
                continue  # that loop is closed: nobody waits there any more

    async def wait_beyond(self, count: int, timeout_s: float) -> bool:
        """Waits until `self.count > count`; false when `timeout_s` (machine time) passed first."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._lock:
            if self._count > count:
                return True
            self._waiting.append((loop, future))
        timer = loop.call_later(timeout_s, _wake, future)
        try:
            await future
        finally:
            timer.cancel()
            with self._lock:
                self._waiting = [pair for pair in self._waiting if pair[1] is not future]
        return self._count > count


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
