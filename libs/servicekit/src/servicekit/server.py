"""Runs one service: grpc.aio on uvloop with health, reflection, limits and a graceful stop.

main.py builds a ServiceApp and calls `serve`; tests use servicekit.testing.servers.
"""

import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import ServiceDescriptor
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from servicekit.calls import MAX_UNARY_S, CallInterceptor
from servicekit.clock import ClockFileError
from servicekit.config import ConfigError
from servicekit.consumer import ConsumerState
from servicekit.health import CONSUMERS
from servicekit.hold import InUse
from servicekit.logging import logger
from servicekit.migrations import DataNewer
from servicekit.principal import Authenticator, KeyFileError
from servicekit.rights import RightsUndeclared, require_rights_declared
from servicekit.telemetry.spans import tracer

MAX_CONCURRENT_RPCS = 1_000
MAX_MESSAGE_BYTES = 4 * 1024 * 1024
MAX_METADATA_BYTES = 16 * 1024
DRAIN_S = 0.5
"""Between NOT_SERVING and the stop, so that balancers turn away first."""
GRACE_S = 5.0
"""Calls that run at the stop get this long."""
LINGER_S = 2.0
"""A server that has not ended so long after that is left: its process must not outlive its stop."""
COLLECTED_AFTER = (50_000, 20, 100)
"""Containers made more than freed before the garbage collector looks at the youngest, and how often it looks
further."""
TURN_S = 0.001
"""A thread that computes lets another one have the interpreter after so long: a question waits for no batch. Python's
own 5 ms are most of what a short answer takes."""

LOOK_S = 0.1
"""Between two looks at the consumers."""

EXIT_STOPPED = 0
EXIT_PORT_IN_USE = 69
EXIT_WORKER_FAILED = 70
EXIT_DATA_NEWER = 65
EXIT_STORE_IN_USE = 75
EXIT_CONFIG = 78


class PortInUse(Exception):
    """Another process listens there."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(f"port {port} on {host} is in use: stop what listens there, or set another port")


@dataclass(frozen=True)
class Service:
    """A servicer, its descriptor (x_service_pb2.DESCRIPTOR.services_by_name[...]) and the generated add
    function."""

    descriptor: ServiceDescriptor
    add_to_server: Callable[[Any, Any], None]
    servicer: object


@dataclass(frozen=True)
class ServiceApp:
    """A service ready to run. `workers` run beside the server until it stops; when one ends, the process
    ends.

    `consumers` are the states of the consumers among the workers: health tells of them. `on_stop` runs last,
    in order: close channels, stores. `port` 0 takes a free one.
    """

    name: str
    services: Sequence[Service]
    authenticator: Authenticator
    port: int
    host: str = "127.0.0.1"
    workers: Sequence[Callable[[], Coroutine[Any, Any, None]]] = ()
    consumers: Sequence[ConsumerState] = ()
    on_stop: Sequence[Callable[[], Awaitable[None]]] = ()
    max_message_bytes: int = MAX_MESSAGE_BYTES
    max_concurrent_rpcs: int = MAX_CONCURRENT_RPCS
    max_unary_s: float = MAX_UNARY_S
    drain_s: float = DRAIN_S
    grace_s: float = GRACE_S


class RunningServer:
    """A started server. `port` is the bound one."""

    def __init__(
        self,
        app: ServiceApp,
        server: grpc.aio.Server,
        port: int,
        serving: health.aio.HealthServicer,
        calls: CallInterceptor,
    ) -> None:
        self.app = app
        self.port = port
        self._server = server
        self._health = serving
        self._calls = calls
        self._telling = asyncio.ensure_future(_tell_of_consumers(app.consumers, serving))

    async def stop(self) -> None:
        """NOT_SERVING, drain, refuse new calls, end watches, let the others end."""
        self._telling.cancel()
        await self._health.enter_graceful_shutdown()
        await asyncio.sleep(self.app.drain_s)
        stopped = asyncio.ensure_future(self._server.stop(self.app.grace_s))
        await asyncio.sleep(0)
        self._calls.end_watches()
        ended, _ = await asyncio.wait([stopped], timeout=self.app.grace_s + LINGER_S)
        if not ended:
            logger().warning("the server does not end, leaving it", port=self.port)


async def start(app: ServiceApp) -> RunningServer:
    """Starts serving. Raises RightsUndeclared or PortInUse before anything listens."""
    rights = require_rights_declared(service.descriptor for service in app.services)
    calls = CallInterceptor(app.authenticator, rights, max_unary_s=app.max_unary_s)
    server = grpc.aio.server(
        interceptors=[calls],
        maximum_concurrent_rpcs=app.max_concurrent_rpcs,
        options=[
            ("grpc.max_receive_message_length", app.max_message_bytes),
            ("grpc.max_send_message_length", app.max_message_bytes),
            ("grpc.max_metadata_size", MAX_METADATA_BYTES),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 60_000),
            ("grpc.keepalive_timeout_ms", 20_000),
            ("grpc.keepalive_permit_without_calls", 1),
            ("grpc.http2.min_recv_ping_interval_without_data_ms", 10_000),
            ("grpc.http2.max_ping_strikes", 0),
            ("grpc.max_connection_age_ms", 600_000),
            ("grpc.max_connection_age_grace_ms", 60_000),
        ],
    )
    serving = health.aio.HealthServicer()
    names = [service.descriptor.full_name for service in app.services]
    registry = _GenericHandlers(server)
    for service in app.services:
        service.add_to_server(service.servicer, registry)
    health_pb2_grpc.add_HealthServicer_to_server(serving, registry)
    reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], registry)
    port = _bind(server, app.host, app.port)
    await server.start()
    for name in ["", *names]:
        await serving.set(name, health_pb2.HealthCheckResponse.SERVING)
    logger().info("serving", host=app.host, port=port)
    return RunningServer(app, server, port, serving, calls)


async def run(app: ServiceApp) -> int:
    """Serves until SIGTERM or SIGINT, or until a worker ends; returns the exit code."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stopping.set)
    code = EXIT_STOPPED
    try:
        running = await start(app)
        workers = [asyncio.ensure_future(worker()) for worker in app.workers]
        stop = asyncio.ensure_future(stopping.wait())
        done, _ = await asyncio.wait([stop, *workers], return_when=asyncio.FIRST_COMPLETED)
        for worker in done - {stop}:
            code = EXIT_WORKER_FAILED
            logger().error("worker ended", exc_info=None if worker.cancelled() else worker.exception())
        await running.stop()
        for task in [stop, *workers]:
            task.cancel()
        await asyncio.gather(stop, *workers, return_exceptions=True)
    finally:
        for close in app.on_stop:
            await close()
        tracer().close()
    return code


def serve(build: Callable[[], Awaitable[ServiceApp]]) -> int:
    """Builds and runs a service on uvloop and returns its exit code; what it refuses to start with is
    printed.

    `build` runs on the loop. Codes: 0 stopped, 65 data of a newer version, 69 port in use, 70 a worker
    failed, 75 another process has the store, 78 configuration.
    """

    async def main() -> int:
        app = await build()
        _spare_the_collector()
        sys.setswitchinterval(TURN_S)
        return await run(app)

    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except (ConfigError, KeyFileError, ClockFileError, RightsUndeclared) as error:
        return _complain(error, EXIT_CONFIG)
    except DataNewer as error:
        return _complain(error, EXIT_DATA_NEWER)
    except PortInUse as error:
        return _complain(error, EXIT_PORT_IN_USE)
    except InUse as error:
        return _complain(error, EXIT_STORE_IN_USE)


def _spare_the_collector() -> None:
    """What lives as long as the process is not looked at again, and batches of thousands of rows start no
    collection each: reference counts free them. Cycles are still found."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTED_AFTER)


def _complain(error: Exception, code: int) -> int:
    print(error, file=sys.stderr)  # noqa: T201  # for the person who starts it, before or beside the log
    return code


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if os.name == "nt":
        return None
    import uvloop

    return uvloop.new_event_loop


async def _tell_of_consumers(consumers: Sequence[ConsumerState], serving: health.aio.HealthServicer) -> None:
    told = None
    while True:
        if (now := all(each.is_following() for each in consumers)) != told:
            states = health_pb2.HealthCheckResponse
            await serving.set(CONSUMERS, states.SERVING if now else states.NOT_SERVING)
            told = now
        if not consumers:
            return
        await asyncio.sleep(LOOK_S)


class _GenericHandlers:
    """What generated code adds handlers to. Where methods are registered, too, a server of grpc.aio waits for each of
    them by a future of its own and, at every call, for all of them anew: a call costs more the more methods there
    are."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._server = server

    def add_generic_rpc_handlers(self, handlers: Any) -> None:
        self._server.add_generic_rpc_handlers(handlers)

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """They are among the generic ones, too."""


def _bind(server: grpc.aio.Server, host: str, port: int) -> int:
    if port and _listening(host, port):
        raise PortInUse(host, port)
    try:
        return server.add_insecure_port(f"{host}:{port}")
    except RuntimeError as error:
        raise PortInUse(host, port) from error


def _listening(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1.0)
        return probe.connect_ex(("127.0.0.1" if host in ("0.0.0.0", "[::]") else host, port)) == 0  # noqa: S104
