"""A service to the left over gRPC as a ChangeSource: all Watch answers of the suite have the same three
fields."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Callable, Iterable
from typing import Any, Generic, TypeVar

import grpc

from servicekit.cancellation import is_ours
from servicekit.errors import HistoryGone, RevisionForeign, UpstreamUnavailable
from servicekit.inbox import LINKED_TRACES, Batch
from servicekit.progress import Progress, progress_from_proto
from servicekit.revision import Lane, Revision
from servicekit.status import reason_of

ChangeT = TypeVar("ChangeT")
ChunkT = TypeVar("ChunkT")


class GrpcSource(Generic[ChangeT, ChunkT]):
    """`watch(after, lane)` makes the call and returns its stream of messages with `changes` and `progress`,
    each change with `traceparent`. `bootstrap()` yields chunks and last the Progress to watch from; it may
    chain calls."""

    def __init__(
        self,
        service: str,
        *,
        watch: Callable[[Revision, Lane], Any],
        bootstrap: Callable[[], AsyncIterable[ChunkT | Progress]],
    ) -> None:
        self._service = service
        self._watch = watch
        self._bootstrap = bootstrap

    @property
    def service(self) -> str:
        return self._service

    async def watch(self, after: Revision, lane: Lane) -> AsyncGenerator[Batch[ChangeT], None]:
        call = self._watch(after, lane)
        try:
            async for message in call:
                yield Batch(
                    lane,
                    message.changes,
                    progress_from_proto(message.progress),
                    _traceparents(message.changes),
                )
        except grpc.RpcError as error:
            raise _translated(error, self._service) from error
        except asyncio.CancelledError:
            raise _unless_ours(self._service) from None
        finally:
            call.cancel()

    async def bootstrap(self) -> AsyncGenerator[ChunkT | Progress, None]:
        try:
            async for chunk in self._bootstrap():
                yield chunk
        except grpc.RpcError as error:
            raise _translated(error, self._service) from error
        except asyncio.CancelledError:
            raise _unless_ours(self._service) from None


def _unless_ours(service: str) -> BaseException:
    """A stream that ended elsewhere is a failure like any other."""
    if is_ours():
        return asyncio.CancelledError()
    return ConnectionError(f"the call to {service} was cancelled from elsewhere")


def _traceparents(changes: Iterable[Any]) -> tuple[str, ...]:
    found = dict.fromkeys(change.traceparent for change in changes if change.traceparent)
    return tuple(found)[:LINKED_TRACES]


def _translated(error: grpc.RpcError, service: str) -> Exception:
    said = reason_of(error)
    if said.reason == HistoryGone.reason:
        return HistoryGone(int(said.metadata.get("oldest", "0")))
    if said.reason == RevisionForeign.reason:
        return RevisionForeign(service, said.metadata.get("problem", ""))
    if isinstance(error, grpc.aio.AioRpcError) and error.code() is grpc.StatusCode.UNAVAILABLE:
        return UpstreamUnavailable(service)
    return error
