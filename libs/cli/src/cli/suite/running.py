"""A suite that is up: where it listens, who runs it, how to call it."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from servicekit.hold import Hold, InUse

from cli.exits import Exit, Refusal
from cli.suite.folder import SuiteFolder
from cli.suite.secrets import DEFAULT_TENANT, read_secret
from cli.suite.state import Process, read_state

if TYPE_CHECKING:
    import grpc

STOP_WITHIN_S = 40.0
SUPERVISOR = "supervisor"
KEY_FILE = "HUAXIANG_KEY_FILE"
"""Names the file with the key to act with, for every command."""
T = TypeVar("T")


@dataclass(frozen=True)
class RunningSuite:
    """Read from suite.json, which the supervisor writes."""

    folder: SuiteFolder
    supervisor: int
    processes: dict[str, dict[str, Any]]

    def port(self, name: str) -> int:
        """Where a process listens. Raises Refusal when the suite does not run it."""
        if name not in self.processes:
            raise Refusal(f"this suite runs no {name}; it runs {', '.join(self.processes)}", Exit.NOT_REACHED)
        return int(self.processes[name]["port"])

    def channel(
        self, service: str, *services: Any, tenant: str | None = None, key_file: Path | None = None
    ) -> "grpc.aio.Channel":
        """A channel with the key in a file, by default that of KEY_FILE, or the admin's. `services` are descriptors
        whose idempotent rpcs are retried."""
        from servicekit.client import connect

        key = read_secret(key_file or Path(os.environ.get(KEY_FILE) or self.folder.admin_key))
        return connect(f"127.0.0.1:{self.port(service)}", key=key, tenant=tenant, services=services)

    def service_channel(self, service: str, *services: Any) -> "grpc.aio.Channel":
        """A channel with the key of the role service, on behalf of the default tenant."""
        from servicekit.client import connect

        key = read_secret(self.folder.service_key)
        return connect(f"127.0.0.1:{self.port(service)}", key=key, tenant=DEFAULT_TENANT, services=services)


def ask(
    folder: SuiteFolder,
    service: str,
    work: Callable[["grpc.aio.Channel"], Awaitable[T]],
    key_file: Path | None = None,
) -> T:
    """Runs `work` with a channel to a service of the suite in a folder, as whose key it is, the admin by default.
    Raises Refusal when no suite runs there."""
    suite = require(folder)

    async def asked() -> T:
        async with suite.channel(service, key_file=key_file) as channel:
            return await work(channel)

    return asyncio.run(asked())


def find(folder: SuiteFolder) -> RunningSuite | None:
    """The suite that runs in a folder, None when none does."""
    state = read_state(folder.state)
    if state is None or not state.supervisor.lives():
        return None
    return RunningSuite(folder, state.supervisor.pid, state.processes)


def require(folder: SuiteFolder) -> RunningSuite:
    """The suite that runs in a folder. Raises Refusal when none does."""
    suite = find(folder)
    if suite is None:
        raise Refusal(
            f"no suite runs in {folder.root}; start one with: huaxiang up --detach", Exit.NOT_REACHED
        )
    return suite


@contextmanager
def held(folder: SuiteFolder) -> Iterator[None]:
    """Holds a folder for one supervisor. Raises Refusal when another has it, or left processes behind."""
    try:
        hold = Hold(folder.state)
    except InUse as error:
        raise Refusal(
            f"a suite already runs in {folder.root} (process {error.pid}); stop it with: huaxiang down",
            Exit.CONFLICT,
        ) from error
    try:
        if left := _left(folder):
            names = ", ".join(f"{name} {process.pid}" for name, process in left.items())
            raise Refusal(
                f"processes of an earlier suite still run in {folder.root}: {names}; stop them with: huaxiang down",
                Exit.CONFLICT,
            )
        yield
    finally:
        hold.release()


def end(folder: SuiteFolder) -> tuple[str, ...]:
    """Stops the suite of a folder, or what a supervisor that was killed left of it; returns what was stopped.

    Raises Refusal when something does not stop.
    """
    suite = find(folder)
    if suite is not None:
        stop(suite)
        return (SUPERVISOR, *suite.processes)
    left = _left(folder)
    for process in left.values():
        _ask_to_stop(process)
    for name, process in left.items():
        _wait_until_gone(name, process)
    folder.state.unlink(missing_ok=True)
    return tuple(left)


def stop(suite: RunningSuite) -> None:
    """Asks the supervisor to stop and waits until it has. Raises Refusal when it does not."""
    supervisor = Process.now(suite.supervisor)
    _ask_to_stop(supervisor)
    _wait_until_gone("the suite", supervisor)


def _left(folder: SuiteFolder) -> dict[str, Process]:
    state = read_state(folder.state)
    return {} if state is None else state.left()


def _ask_to_stop(process: Process) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, signal.SIGTERM)


def _wait_until_gone(name: str, process: Process) -> None:
    until = time.monotonic() + STOP_WITHIN_S
    while process.lives():
        if time.monotonic() > until:
            raise Refusal(f"{name} (process {process.pid}) did not stop within {STOP_WITHIN_S:.0f} s")
        time.sleep(0.05)
