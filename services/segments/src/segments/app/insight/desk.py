"""Where questions about whole audiences are computed: few at a time, so that what follows changes has threads left."""

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from servicekit.errors import QueueFull

SEATS = 2
"""Computed at once."""
MAX_WAITING = 32
T = TypeVar("T")


class Computer(Protocol):
    """Whatever runs something long outside the event loop."""

    async def compute(self, work: Callable[[], T]) -> T:
        """Runs it; a cancelled caller does not stop what has begun."""
        ...


class Desk:
    """A seat is free again when the work has ended, not when its caller has gone."""

    def __init__(self, computer: Computer) -> None:
        self._computer = computer
        self._seats = asyncio.Semaphore(SEATS)
        self._waiting = 0

    async def compute(self, work: Callable[[], T]) -> T:
        """Runs the work when its turn comes; who is cancelled before is never begun. Raises QueueFull."""
        if self._waiting >= MAX_WAITING:
            raise QueueFull("questions about audiences", MAX_WAITING)
        self._waiting += 1
        try:
            await self._seats.acquire()
        finally:
            self._waiting -= 1
        computing = asyncio.ensure_future(self._computer.compute(work))
        computing.add_done_callback(self._stand_up)
        return await asyncio.shield(computing)

    def _stand_up(self, computing: "asyncio.Future[Any]") -> None:
        self._seats.release()
        if not computing.cancelled():
            computing.exception()
