"""Channels to other services: key, tenant, trace, default deadline, retries of idempotent rpcs, keepalive."""

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from servicekit.cancellation import AnsweredCall
from servicekit.principal import AUTHORIZATION_KEY, TENANT_KEY
from servicekit.telemetry.context import TRACEPARENT_KEY, current_trace
from servicekit.telemetry.names import RPC_CODE, RPC_METHOD
from servicekit.telemetry.spans import tracer

DEFAULT_UNARY_S = 10.0
"""The deadline of a unary call whose caller sets none. Streams have none."""
MAX_ATTEMPTS = 4
MAX_INGEST_MESSAGE_BYTES = 16 * 1024 * 1024
KEEPALIVE_MS = 30_000

Details = grpc.aio.ClientCallDetails


def connect(
    target: str,
    *,
    key: str,
    tenant: str | None = None,
    services: Sequence[ServiceDescriptor] = (),
    unary_s: float = DEFAULT_UNARY_S,
) -> grpc.aio.Channel:
    """A channel that presents `key` with every call, to `host:port` or any gRPC target.

    `tenant` is who a service acts for; a call may name another in its own metadata. Of `services`, the rpcs
    whose idempotency_level is set are repeated on UNAVAILABLE, at most 4 tries in all. A unary call that was
    cancelled without the awaiting task being cancelled fails with UNAVAILABLE. Close the channel.
    """
    calls = _Calls(key, tenant, unary_s)
    return grpc.aio.insecure_channel(
        target,
        options=[
            ("grpc.service_config", json.dumps(service_config(services))),
            ("grpc.enable_retries", 1),
            ("grpc.keepalive_time_ms", KEEPALIVE_MS),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.http2.max_pings_without_data", 0),
            ("grpc.max_receive_message_length", MAX_INGEST_MESSAGE_BYTES),
            ("grpc.max_send_message_length", MAX_INGEST_MESSAGE_BYTES),
            ("grpc.max_reconnect_backoff_ms", 2_000),
            ("grpc.use_local_subchannel_pool", 1),  # else it waits as long as any other channel to its target
        ],
        interceptors=[_UnaryUnary(calls), _UnaryStream(calls), _StreamUnary(calls), _StreamStream(calls)],
    )


def service_config(services: Sequence[ServiceDescriptor]) -> dict[str, Any]:
    """gRPC's service config: round robin, and the retry policy of the rpcs that declare themselves
    idempotent."""
    names = [
        {"service": service.full_name, "method": method.name}
        for service in services
        for method in service.methods
        if is_idempotent(method)
    ]
    policy = {
        "maxAttempts": MAX_ATTEMPTS,
        "initialBackoff": "0.05s",
        "maxBackoff": "1s",
        "backoffMultiplier": 3,
        "retryableStatusCodes": ["UNAVAILABLE"],
    }
    config: dict[str, Any] = {"loadBalancingConfig": [{"round_robin": {}}]}
    if names:
        config["methodConfig"] = [{"name": names, "retryPolicy": policy}]
    return config


def is_idempotent(method: MethodDescriptor) -> bool:
    """Whether the proto says NO_SIDE_EFFECTS or IDEMPOTENT."""
    return bool(method.GetOptions().idempotency_level != MethodOptions.IDEMPOTENCY_UNKNOWN)


class _Calls:
    def __init__(self, key: str, tenant: str | None, unary_s: float) -> None:
        self._authorization = f"Bearer {key}"
        self._tenant = tenant
        self._unary_s = unary_s

    def details(self, details: Details, *, unary: bool) -> Details:
        metadata = list(details.metadata or ())
        metadata.append((AUTHORIZATION_KEY, self._authorization))
        if self._tenant is not None and not any(key == TENANT_KEY for key, _ in metadata):
            metadata.append((TENANT_KEY, self._tenant))
        trace = current_trace()
        if trace is not None:
            metadata.append((TRACEPARENT_KEY, trace.traceparent()))
        timeout = self._unary_s if unary and details.timeout is None else details.timeout
        return Details(
            details.method, timeout, grpc.aio.Metadata(*metadata), details.credentials, details.wait_for_ready
        )


class _UnaryUnary(grpc.aio.UnaryUnaryClientInterceptor):
    def __init__(self, calls: _Calls) -> None:
        self._calls = calls

    async def intercept_unary_unary(
        self, continuation: Callable[..., Any], client_call_details: Details, request: Any
    ) -> Any:
        trace = current_trace()
        if trace is None or not trace.sampled:
            return AnsweredCall(
                await continuation(self._calls.details(client_call_details, unary=True), request)
            )
        method: str | bytes = client_call_details.method  # bytes at run time, whatever the stub says
        name = method.decode() if isinstance(method, bytes) else method
        with tracer().span(name, "client", attributes={RPC_METHOD: name}) as span:
            call = await continuation(self._calls.details(client_call_details, unary=True), request)
            try:
                code = await call.code()
            except asyncio.CancelledError:  # of this interceptor's own task: the caller's knows whose it is
                call.cancel()
                code = grpc.StatusCode.CANCELLED
            if span is not None:
                span.set(RPC_CODE, code.name)
                span.error = "" if code is grpc.StatusCode.OK else code.name
            return AnsweredCall(call)


class _UnaryStream(grpc.aio.UnaryStreamClientInterceptor):
    def __init__(self, calls: _Calls) -> None:
        self._calls = calls

    async def intercept_unary_stream(
        self, continuation: Callable[..., Any], client_call_details: Details, request: Any
    ) -> Any:
        return await continuation(self._calls.details(client_call_details, unary=False), request)


class _StreamUnary(grpc.aio.StreamUnaryClientInterceptor):
    def __init__(self, calls: _Calls) -> None:
        self._calls = calls

    async def intercept_stream_unary(
        self, continuation: Callable[..., Any], client_call_details: Details, request_iterator: Any
    ) -> Any:
        return await continuation(self._calls.details(client_call_details, unary=False), request_iterator)


class _StreamStream(grpc.aio.StreamStreamClientInterceptor):
    def __init__(self, calls: _Calls) -> None:
        self._calls = calls

    async def intercept_stream_stream(
        self, continuation: Callable[..., Any], client_call_details: Details, request_iterator: Any
    ) -> Any:
        return await continuation(self._calls.details(client_call_details, unary=False), request_iterator)
