"""A service as a process of its own, for tests that kill it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from servicekit.client import connect
from servicekit.principal import KeyEntry, write_key_file

READY_S = 40.0


class ServiceProcess:
    """One at a time over one data folder; kills what it started.

    `command` is what Python runs: ("-m", "tagging"), say. `port_variable` names the setting of its port. `log` is where
    what it says stands.
    """

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        keys: Sequence[KeyEntry],
        port_variable: str,
        environment: Mapping[str, str],
    ) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.data, self.log = folder / "data", folder / "process.log"
        self._command = [sys.executable, *command]
        write_key_file(folder / "process-keys.yaml", keys)
        self.environment = {
            **os.environ,
            "HUAXIANG_DATA": str(self.data),
            "HUAXIANG_KEYS": str(folder / "process-keys.yaml"),
            port_variable: str(self.port),
            **environment,
        }
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it; calls wait until it serves."""
        with self.log.open("ab") as log:
            self._running = subprocess.Popen(  # noqa: S603  # what the test says
                self._command, env=self.environment, stdout=log, stderr=log
            )

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        """Its exit code; 0 when it does not run."""
        if self._running is None:
            return 0
        self._running.send_signal(how)
        code = self._running.wait(READY_S)
        self._running = None
        return code

    async def call(self, stub: Callable[[Any], Any], rpc: str, request: Any, *, key: str) -> Any:
        """Calls an rpc once the process serves."""
        channel = connect(f"127.0.0.1:{self.port}", key=key)
        try:
            return await getattr(stub(channel), rpc)(request, timeout=READY_S, wait_for_ready=True)
        finally:
            await channel.close()

    def refuse(self, **environment: str) -> tuple[int, str]:
        """Starts it where it must not run; its exit code and what it said."""
        done = subprocess.run(  # noqa: S603  # what the test says
            self._command,
            env=self.environment | environment,
            capture_output=True,
            timeout=READY_S,
            check=False,
            text=True,
        )
        return done.returncode, done.stderr
