"""Queries that a call meets first are looked at between two tries of it, while nobody waits for the store."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from servicekit.errors import QueueFull
from tagging.app.unseen_queries import QueriesUnseen

Answer = TypeVar("Answer")
TRIES = 5
"""More than two only when others drive out what is remembered, or when what is in force is looked at, too."""


async def looked_at(run: Callable[[], Awaitable[Answer]]) -> Answer:
    """What `run` answers, a transaction of its own each time. Raises QueueFull, and what it raises."""
    for _ in range(TRIES):
        try:
            return await run()
        except QueriesUnseen as unseen:
            for each in unseen.asked:
                await asyncio.to_thread(unseen.look, *each)
    raise QueueFull("queries of tags to look at", TRIES)
