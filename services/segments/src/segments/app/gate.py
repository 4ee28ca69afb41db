"""Many readers or one writer, on one event loop; a waiting writer goes before new readers."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Gate:
    """Guards what is in memory. Reading is for as long as memory is looked at, writing until the store has
    committed."""

    def __init__(self) -> None:
        self._readers = 0
        self._writing = False
        self._waiting_writers: deque[asyncio.Future[None]] = deque()
        self._waiting_readers: deque[asyncio.Future[None]] = deque()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[None]:
        """Together with other readers."""
        while self._writing or self._waiting_writers:
            await self._wait(self._waiting_readers)
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1
            self._wake()

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[None]:
        """Alone."""
        while self._writing or self._readers:
            await self._wait(self._waiting_writers)
        self._writing = True
        try:
            yield
        finally:
            self._writing = False
            self._wake()

    async def _wait(self, queue: "deque[asyncio.Future[None]]") -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        queue.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn in queue:
                queue.remove(turn)
            self._wake()
            raise

    def _wake(self) -> None:
        if self._writing:
            return
        if self._waiting_writers:
            if not self._readers:
                _release(self._waiting_writers.popleft())
            return
        while self._waiting_readers:
            _release(self._waiting_readers.popleft())


def _release(turn: "asyncio.Future[None]") -> None:
    if not turn.done():
        turn.set_result(None)
