"""Waits for a state, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable

WITHIN_S = 90.0
LOOK_S = 0.05


async def until(reached: Callable[[], Awaitable[bool]], what: str, within_s: float = WITHIN_S) -> None:
    """Looks until `reached` is true. Raises AssertionError when it is not within the time."""
    deadline = time.monotonic() + within_s
    while not await reached():
        assert time.monotonic() < deadline, f"not within {within_s:.0f} s: {what}"
        await asyncio.sleep(LOOK_S)
