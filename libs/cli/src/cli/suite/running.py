"""A suite that is up: where it listens, who runs it, how to call it."""

import asyncio
import json
import os
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from cli.exits import Exit, Refusal
from cli.suite.birth import birth
from cli.suite.folder import SuiteFolder
from cli.suite.secrets import DEFAULT_TENANT, read_secret

if TYPE_CHECKING:
    import grpc

STOP_WITHIN_S = 40.0
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

    def channel(self, service: str, *services: Any, tenant: str | None = None) -> "grpc.aio.Channel":
        """A channel with the admin's key. `services` are descriptors whose idempotent rpcs are retried."""
        from servicekit.client import connect

        key = read_secret(self.folder.admin_key)
        return connect(f"127.0.0.1:{self.port(service)}", key=key, tenant=tenant, services=services)

    def service_channel(self, service: str, *services: Any) -> "grpc.aio.Channel":
        """A channel with the key of the role service, on behalf of the default tenant."""
        from servicekit.client import connect

        key = read_secret(self.folder.service_key)
        return connect(f"127.0.0.1:{self.port(service)}", key=key, tenant=DEFAULT_TENANT, services=services)


def ask(folder: SuiteFolder, service: str, work: Callable[["grpc.aio.Channel"], Awaitable[T]]) -> T:
    """Runs `work` with a channel to a service of the suite in a folder. Raises Refusal when none runs there."""
    suite = require(folder)

    async def asked() -> T:
        async with suite.channel(service) as channel:
            return await work(channel)

    return asyncio.run(asked())


def find(folder: SuiteFolder) -> RunningSuite | None:
    """The suite that runs in a folder, None when none does."""
    try:
        state = json.loads(folder.state.read_text())
    except (OSError, ValueError):
        return None
    if not _alive(state["supervisor"]) or state.get("birth", "") != birth(state["supervisor"]):
        return None  # it ended without a word, and its id may be somebody else's by now
    return RunningSuite(folder, state["supervisor"], state["processes"])


def require(folder: SuiteFolder) -> RunningSuite:
    """The suite that runs in a folder. Raises Refusal when none does."""
    suite = find(folder)
    if suite is None:
        raise Refusal(
            f"no suite runs in {folder.root}; start one with: huaxiang up --detach", Exit.NOT_REACHED
        )
    return suite


def stop(suite: RunningSuite) -> None:
    """Asks the supervisor to stop and waits until it has. Raises Refusal when it does not."""
    os.kill(suite.supervisor, signal.SIGTERM)
    until = time.monotonic() + STOP_WITHIN_S
    while _alive(suite.supervisor):
        if time.monotonic() > until:
            raise Refusal(f"the suite (process {suite.supervisor}) did not stop within {STOP_WITHIN_S:.0f} s")
        time.sleep(0.05)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """A child of ours that has ended and was not waited for."""
    try:
        ended, _ = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return False
    return ended == pid
