"""Waits for a service that is being started again, so that long work outlives a crash of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

PATIENCE_S = 90.0
FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 2.0
BROKEN_WRITE = "Internal error from Core"
"""What grpc.aio says of a stream that ended while it was being written to, whatever the stream's own end was."""
T = TypeVar("T")


class CutShort(Exception):
    """A stream ended well before it was done."""


def hides_the_end(error: grpc.aio.AioRpcError) -> bool:
    """Whether grpc.aio tells of its broken write in the place of how the stream ended."""
    return error.code() is grpc.StatusCode.INTERNAL and error.details() == BROKEN_WRITE


async def patiently(
    call: Callable[[], Awaitable[T]],
    within_s: float = PATIENCE_S,
    progress: Callable[[], object] = lambda: None,
) -> T:
    """The answer of an idempotent call, repeated while the service is UNAVAILABLE or its stream breaks off. Raises its
    last error when that lasts `within_s` without another `progress`, or at once any other."""
    until, pause, come_to = time.monotonic() + within_s, FIRST_PAUSE_S, progress()
    while True:
        try:
            return await call()
        except (grpc.aio.AioRpcError, CutShort) as error:
            if isinstance(error, grpc.aio.AioRpcError) and error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            if progress() != come_to:
                until, pause, come_to = time.monotonic() + within_s, FIRST_PAUSE_S, progress()
            elif time.monotonic() > until:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, MAX_PAUSE_S)
