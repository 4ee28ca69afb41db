"""How workers wait: at once while there is work, a little longer each idle time, never busy; and what they log."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from servicekit.errors import Unavailable
from servicekit.logging import logger

FIRST_PAUSE_S = 0.01
MAX_PAUSE_S = 0.25
MAX_FAILURE_PAUSE_S = 5.0
REMINDER_S = 60.0
"""A failure that goes on is logged again after this machine time."""


class _Health:
    """Logs when a worker begins to fail, now and then while it goes on, and when it is over."""

    def __init__(self, worker: str) -> None:
        self._worker = worker
        self._failing = ""
        self._said_s = 0.0

    def failed(self, error: Exception) -> None:
        reason = error.reason if isinstance(error, Unavailable) else type(error).__name__
        if reason == self._failing and time.monotonic() < self._said_s + REMINDER_S:
            return
        self._failing, self._said_s = reason, time.monotonic()
        if isinstance(error, Unavailable):
            logger().warning("worker waits", worker=self._worker, reason=reason, target=_service(error))
        else:
            logger().error("worker round failed", worker=self._worker, exc_info=error)

    def succeeded(self) -> None:
        if self._failing:
            logger().info("worker goes on", worker=self._worker)
        self._failing = ""


def _service(error: Unavailable) -> str:
    return str(error.metadata.get("service", ""))


async def keep_doing(
    name: str, round_: Callable[[], Awaitable[bool]], max_pause_s: float = MAX_PAUSE_S
) -> None:
    """Runs rounds until cancelled; a round says whether it found work. A failed round is repeated after a growing
    pause."""
    health = _Health(name)
    pause_s = FIRST_PAUSE_S
    while True:
        try:
            worked = await round_()
        except Exception as error:
            health.failed(error)
            pause_s = min(max(pause_s * 2, max_pause_s), MAX_FAILURE_PAUSE_S)
            await asyncio.sleep(pause_s)
            continue
        health.succeeded()
        if worked:
            pause_s = FIRST_PAUSE_S
            continue
        pause_s = min(pause_s, max_pause_s)
        await asyncio.sleep(pause_s)
        pause_s = min(pause_s * 2, max_pause_s)
