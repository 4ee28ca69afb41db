"""Waits for a service that is being started again, so that long work outlives a crash of it."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

import grpc

PATIENCE_S = 90.0
FIRST_PAUSE_S, MAX_PAUSE_S = 0.1, 2.0
T = TypeVar("T")


async def patiently(call: Callable[[], Awaitable[T]], within_s: float = PATIENCE_S) -> T:
    """The answer of an idempotent call, repeated while the service is UNAVAILABLE. Raises its last error, or at once
    any other."""
    until = time.monotonic() + within_s
    pause = FIRST_PAUSE_S
    while True:
        try:
            return await call()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE or time.monotonic() > until:
                raise
        await asyncio.sleep(pause)
        pause = min(pause * 2, MAX_PAUSE_S)
