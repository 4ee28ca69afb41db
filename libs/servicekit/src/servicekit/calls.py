"""What happens around every served call: authentication, rights, deadline, tracing, errors. One interceptor
does all of it, and wraps each rpc's handler once, so that a call pays for the work and not for the layers."""

import asyncio
import inspect
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing
from contextvars import ContextVar
from typing import Any, NoReturn, TypeAlias

import grpc

from servicekit.errors import Internal, KeyUnknown, RightMissing, ServiceError, Unavailable
from servicekit.logging import logger
from servicekit.principal import Authenticator, Principal
from servicekit.rights import ALL_TENANTS_VERBS, may
from servicekit.status import DETAILS_KEY, code_of, details_of
from servicekit.telemetry.context import TRACEPARENT_KEY, parse_traceparent
from servicekit.telemetry.names import ERROR_REASON, RPC_CODE, RPC_METHOD
from servicekit.telemetry.spans import Span, tracer

MAX_UNARY_S = 60.0
"""A unary call runs no longer than this, whatever deadline its caller set."""
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"

_principal: ContextVar[Principal] = ContextVar("servicekit_principal")
_deadline: ContextVar[float | None] = ContextVar("servicekit_deadline", default=None)


def current_principal() -> Principal:
    """Who makes the running call. Raises KeyUnknown outside a call."""
    try:
        return _principal.get()
    except LookupError:
        raise KeyUnknown("there is no call here") from None


def current_deadline() -> float | None:
    """When the running call must have been answered, as `loop.time()` seconds; None for a stream without
    one."""
    return _deadline.get()


class CallInterceptor(grpc.aio.ServerInterceptor):
    """`rights` maps method paths to rights; paths in `open_paths` need no key (health, reflection)."""

    def __init__(
        self,
        authenticator: Authenticator,
        rights: Mapping[str, str],
        *,
        open_prefixes: tuple[str, ...] = ("/grpc.health.v1.", "/grpc.reflection."),
        max_unary_s: float = MAX_UNARY_S,
    ) -> None:
        self._authenticator = authenticator
        self._rights = rights
        self._open_prefixes = open_prefixes
        self._max_unary_s = max_unary_s
        self._wrapped: dict[str, Handler] = {}
        self._endless: set[asyncio.Task[Any]] = set()
        self._stopping = False

    async def intercept_service(
        self, continuation: Callable[..., Awaitable[Any]], handler_call_details: grpc.HandlerCallDetails
    ) -> Any:
        method = handler_call_details.method
        wrapped = self._wrapped.get(method)
        if wrapped is None:
            handler = await continuation(handler_call_details)
            if handler is None or method.startswith(self._open_prefixes):
                return handler
            wrapped = self._wrapped[method] = self._wrap(method, handler)
        return wrapped

    def end_watches(self) -> None:
        """Ends every running call of a right whose verb covers all tenants with UNAVAILABLE: a Watch never
        ends by itself, and a stop must not wait for it."""
        self._stopping = True
        for task in self._endless:
            task.cancel()

    def _wrap(self, method: str, handler: Handler) -> Handler:
        make, behaviour = _shape(handler)
        right = self._rights[method]
        stopping = Unavailable("this service is stopping: repeat", service=right.partition(".")[0])
        endless = right.rpartition(".")[2] in ALL_TENANTS_VERBS
        attributes = {RPC_METHOD: method}

        async def unary(request: Any, context: Context) -> Any:
            metadata = _metadata_of(context)
            parent = parse_traceparent(metadata.get(TRACEPARENT_KEY))
            with tracer().span(method, "server", parent=parent, attributes=attributes) as span:
                try:
                    self._admit(metadata, right)
                    remaining_s = context.time_remaining()
                    limit_s = (
                        self._max_unary_s if remaining_s is None else min(remaining_s, self._max_unary_s)
                    )
                    _deadline.set(asyncio.get_running_loop().time() + limit_s)
                    async with asyncio.timeout(limit_s):
                        return await behaviour(request, context)
                except Exception as error:
                    await _refuse(context, method, error, span)

        async def streaming(request: Any, context: Context) -> AsyncIterator[Any]:
            metadata = _metadata_of(context)
            parent = parse_traceparent(metadata.get(TRACEPARENT_KEY))
            task = asyncio.current_task()
            if endless and task is not None:
                self._endless.add(task)
                task.add_done_callback(self._endless.discard)
            with tracer().span(method, "server", parent=parent, attributes=attributes) as span:
                try:
                    self._admit(metadata, right)
                    remaining_s = context.time_remaining()
                    if remaining_s is not None:
                        _deadline.set(asyncio.get_running_loop().time() + remaining_s)
                    async with aclosing(behaviour(request, context)) as responses:
                        async for response in responses:
                            yield response
                except asyncio.CancelledError:
                    if task is None or not self._stopping:
                        raise
                    task.uncancel()
                    await _refuse(context, method, stopping, span)
                except Exception as error:
                    await _refuse(context, method, error, span)

        inner = streaming if handler.response_streaming else unary
        return make(inner, handler.request_deserializer, handler.response_serializer)

    def _admit(self, metadata: Mapping[str, str], right: str) -> None:
        principal = self._authenticator.authenticate(metadata)
        if not may(principal, right):
            raise RightMissing(right)
        _principal.set(principal)


def _metadata_of(context: Context) -> dict[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}


def _shape(handler: Handler) -> tuple[Callable[..., Handler], Callable[..., Any]]:
    make: Any
    behaviour: Any
    if handler.request_streaming and handler.response_streaming:
        make, behaviour = grpc.stream_stream_rpc_method_handler, handler.stream_stream
    elif handler.request_streaming:
        make, behaviour = grpc.stream_unary_rpc_method_handler, handler.stream_unary
    elif handler.response_streaming:
        make, behaviour = grpc.unary_stream_rpc_method_handler, handler.unary_stream
    else:
        make, behaviour = grpc.unary_unary_rpc_method_handler, handler.unary_unary
    if handler.response_streaming and not inspect.isasyncgenfunction(behaviour):
        raise TypeError(f"{behaviour} must be an async generator: a stream answers with yield")
    return make, behaviour


async def _refuse(context: Context, method: str, error: Exception, span: Span | None) -> NoReturn:
    """Answers a failed call by the one table; what is not a ServiceError is logged and becomes INTERNAL."""
    if isinstance(error, grpc.aio.AbortError):
        raise error
    if isinstance(error, TimeoutError):
        if span is not None:
            span.error = "DEADLINE_EXCEEDED"
        await context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "the call's deadline passed")
    if isinstance(error, ServiceError):
        refused = error
    else:
        refused = Internal(secrets.token_hex(8))
        logger().error("call failed", rpc=method, call_id=refused.metadata["call_id"], exc_info=error)
    code = code_of(refused)
    if span is not None:
        span.error = refused.reason
        span.set(RPC_CODE, code.name)
        span.set(ERROR_REASON, refused.reason)
    await context.abort(code, refused.message, ((DETAILS_KEY, details_of(refused)),))
    raise AssertionError("abort always raises")
