"""A whole suite as processes: started by `huaxiang up --detach` in a folder of its own, on free ports."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import grpc
from cli.exits import Exit
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.programs import SERVICES, Ports
from cli.suite.secrets import DEFAULT_TENANT, read_secret
from cli.suite.supervisor import listens
from command import Ended, huaxiang
from servicekit.client import connect

STARTS = 5
"""Another process may take a port between the look and the start."""
SERVES_WITHIN_S = 60.0
LOOK_S = 0.05
NOW = "2026-06-30T12:00:00+08:00"


class CommandFailed(AssertionError):
    """A `huaxiang` command ended with another exit code than 0."""


@dataclass
class SuiteProcess:
    """A suite with a clock of its own that may be stopped, started again and harmed. `environment` reaches every
    service; `options` are those of `huaxiang up`; calls and commands act for `tenant`."""

    folder: SuiteFolder
    environment: dict[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    now: str = NOW
    services: ClassVar[tuple[str, ...]] = SERVICES
    base_port: int = 0
    tenant: str = DEFAULT_TENANT

    def start(self) -> None:
        """Returns when everything serves. Keeps the ports and the clock it had before."""
        for _ in range(STARTS):
            self.base_port = self.base_port or free_base_port()
            clock = () if self.folder.clock.exists() else (f"--now={self.now}",)
            ended = self.run(
                "up",
                "--detach",
                f"--base-port={self.base_port}",
                *clock,
                *self.options,
                environment=self.environment,
            )
            if ended.returncode == 0:
                return
            if ended.returncode != Exit.CONFLICT:
                break
            self.base_port = 0
        raise CommandFailed(ended.stdout + ended.stderr)

    def stop(self) -> None:
        """Ends the suite gracefully; does nothing when it does not run."""
        suite = running.find(self.folder)
        if suite is not None:
            for name in suite.processes:
                self.resume(name)
            running.stop(suite)

    def run(self, *arguments: str, environment: Mapping[str, str] | None = None) -> Ended:
        """A `huaxiang` command to its end, whatever that is."""
        return huaxiang(*arguments, f"--folder={self.folder.root}", environment=environment)

    def process(self, *arguments: str) -> "subprocess.Popen[str]":
        """A `huaxiang` command as a process of its own, which can be killed."""
        command = [sys.executable, "-m", "cli", *arguments, f"--folder={self.folder.root}"]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def command(self, *arguments: str) -> Any:
        """What a `huaxiang` command prints with --json. Raises CommandFailed."""
        ended = self.run(*arguments, "--json")
        if ended.returncode != 0:
            raise CommandFailed(
                f"huaxiang {' '.join(arguments)}: {ended.returncode}\n{ended.stdout}{ended.stderr}"
            )
        return json.loads(ended.stdout)

    def channel(self, service: str, *services: Any) -> grpc.aio.Channel:
        """A channel with the admin's key."""
        return running.require(self.folder).channel(service, *services)

    def service_channel(self, service: str) -> grpc.aio.Channel:
        """A channel with the key of the role service."""
        port, key = running.require(self.folder).port(service), read_secret(self.folder.service_key)
        return connect(f"127.0.0.1:{port}", key=key, tenant=self.tenant)

    def pid(self, name: str) -> int:
        """Of a service, or of the sandbox, that runs now."""
        return int(running.require(self.folder).processes[name]["pid"])

    def restarts(self, name: str) -> int:
        """How often the supervisor has started a process again."""
        return int(running.require(self.folder).processes[name]["restarts"])

    def serves(self, name: str) -> bool:
        """Whether a process listens just now."""
        return listens(running.require(self.folder).port(name))

    def kill(self, name: str) -> None:
        """SIGKILL; the supervisor starts the process again."""
        os.kill(self.pid(name), signal.SIGKILL)

    @contextmanager
    def left_dead(self, name: str) -> Iterator[None]:
        """Kills a process that nobody starts again until the block ends; then it serves again."""
        suite = running.require(self.folder)
        os.kill(suite.supervisor, signal.SIGSTOP)
        try:
            os.kill(self.pid(name), signal.SIGKILL)
            yield
        finally:
            os.kill(suite.supervisor, signal.SIGCONT)
        deadline = time.monotonic() + SERVES_WITHIN_S
        while not listens(suite.port(name)):
            assert time.monotonic() < deadline, f"{name} does not serve again"
            time.sleep(LOOK_S)

    def pause(self, name: str) -> None:
        """SIGSTOP: the process keeps its connections and does nothing."""
        os.kill(self.pid(name), signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """SIGCONT; nothing happens to a process that has ended."""
        with suppress(ProcessLookupError):
            os.kill(self.pid(name), signal.SIGCONT)

    def log(self, name: str) -> list[dict[str, Any]]:
        """What a process has logged."""
        lines = (self.folder.logs / f"{name}.log").read_text(errors="replace").splitlines()
        return [json.loads(line) for line in lines if line.startswith("{")]


@contextmanager
def suite_process(
    root: Path, *options: str, now: str = NOW, environment: Mapping[str, str] | None = None
) -> Iterator[SuiteProcess]:
    """A suite that is stopped in the end."""
    suite = SuiteProcess(SuiteFolder(root), dict(environment or {}), options, now)
    suite.start()
    try:
        yield suite
    finally:
        suite.stop()


def free_base_port() -> int:
    """A base whose ports are all free just now, below the range from which systems draw ports."""
    draw = random.SystemRandom()
    while True:
        ports = Ports(draw.randrange(10_000, 30_000, 10))
        used = [ports.of(name) for name in SERVICES] + [ports.receipts]
        used += ports.sandboxes
        if not any(listens(port) for port in used):
            return ports.base
