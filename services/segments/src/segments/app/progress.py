"""How far long work is, and whether somebody asked it to stop."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

from servicekit.revision import Revision

T = TypeVar("T")


class Stopped(Exception):
    """The run was asked to stop."""


@dataclass(slots=True)
class Progress:
    """How far a run is; told from any thread, and asked to stop from the event loop. `count` and `revision` are set
    when its work is done."""

    done: int = 0
    total: int = 0
    count: int = 0
    revision: Revision | None = None
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def at(self, done: int, total: int = 0) -> None:
        """Tells; raises Stopped when somebody asked for it."""
        self.done, self.total = done, total
        if self.is_stopped:
            raise Stopped

    @property
    def is_stopped(self) -> bool:
        """Whether somebody asked for it."""
        return self._stop.is_set()

    def stop(self) -> None:
        """Asks."""
        self._stop.set()

    async def heeding(self, waiting: Coroutine[Any, Any, T]) -> T:
        """What is waited for; raises Stopped as soon as somebody asks for it, and then waits no more."""
        awaited, stopping = asyncio.ensure_future(waiting), asyncio.ensure_future(self._stop.wait())
        try:
            await asyncio.wait([awaited, stopping], return_when=asyncio.FIRST_COMPLETED)
            if self.is_stopped:
                raise Stopped
            return awaited.result()
        finally:
            for task in (awaited, stopping):
                task.cancel()
            await asyncio.gather(awaited, stopping, return_exceptions=True)

    def finished(self, count: int, revision: Revision) -> None:
        """Tells what came of it."""
        self.count, self.revision = count, revision


Work = Callable[[Progress], Awaitable[None]]
"""Does what a run is for, and says so to its progress."""
