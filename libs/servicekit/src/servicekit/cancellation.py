"""Whose cancellation it is. grpc.aio raises CancelledError also in a task that nobody cancels, when a channel is
closed under its call or the connection breaks; taken for the task's own, it would end a worker in silence."""

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import grpc

ENDED_ELSEWHERE = "the call was cancelled from elsewhere: its channel or its server ended it"


def is_ours() -> bool:
    """Whether the running task is being cancelled."""
    task = asyncio.current_task()
    return task is None or task.cancelling() > 0


class AnsweredCall(grpc.aio.UnaryUnaryCall[Any, Any]):
    """A unary call that ends as UNAVAILABLE when it was cancelled but the task that awaits it is not.

    It asks in the awaiting task, so an interceptor returns it before the call has ended. A call that a program
    cancels by hand counts as cancelled from elsewhere, too.
    """

    def __init__(self, call: Any) -> None:
        self._call = call

    def __await__(self) -> Generator[Any, None, Any]:
        try:
            return (yield from self._call.__await__())
        except asyncio.CancelledError:
            if is_ours():
                raise
            raise _unavailable() from None
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.CANCELLED:
                raise
            raise _unavailable(error) from error

    def cancel(self) -> bool:
        return bool(self._call.cancel())

    def cancelled(self) -> bool:
        return bool(self._call.cancelled())

    def done(self) -> bool:
        return bool(self._call.done())

    def time_remaining(self) -> float | None:
        remaining: float | None = self._call.time_remaining()
        return remaining

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        self._call.add_done_callback(callback)

    async def initial_metadata(self) -> Any:
        return await self._call.initial_metadata()

    async def trailing_metadata(self) -> Any:
        return await self._call.trailing_metadata()

    async def code(self) -> grpc.StatusCode:
        code: grpc.StatusCode = await self._call.code()
        return code

    async def details(self) -> Any:
        return await self._call.details()

    async def wait_for_connection(self) -> None:
        await self._call.wait_for_connection()


def _unavailable(error: grpc.aio.AioRpcError | None = None) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(
        grpc.StatusCode.UNAVAILABLE,
        grpc.aio.Metadata() if error is None else error.initial_metadata(),
        grpc.aio.Metadata() if error is None else error.trailing_metadata(),
        details=ENDED_ELSEWHERE,
        debug_error_string=None if error is None else error.debug_error_string(),
    )
