"""Waits for work that a service does by itself."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from cli.suite.patience import patiently

POLL_S = 0.2
R = TypeVar("R")


async def ended(
    run: R, again: Callable[[], Awaitable[R]], is_under_way: Callable[[R], bool], seen: Callable[[R], None]
) -> R:
    """The run as it ended, asked for `again` while it is under way, also when its service is being started again.
    `seen` hears of every state, this one first."""
    seen(run)
    while is_under_way(run):
        await asyncio.sleep(POLL_S)
        run = await patiently(again)
        seen(run)
    return run
