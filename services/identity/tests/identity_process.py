"""`python -m identity` as its own process."""

import os
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import grpc
from identity.store.vault import write_secret_file
from servicekit.client import connect
from servicekit.clock import write_clock_file
from servicekit.principal import key_entry, write_key_file

READY_S = 30.0
SUITE_NOW = datetime(2026, 6, 18, tzinfo=UTC)


class Process:
    """A service process over one data folder; kills what it started."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = folder / "data"
        self.environment = os.environ | {
            "HUAXIANG_DATA": str(self.data),
            "HUAXIANG_KEYS": str(folder / "keys.yaml"),
            "HUAXIANG_IDENTITY_SECRET_FILE": str(folder / "identity.secret"),
            "HUAXIANG_IDENTITY_PORT": str(self.port),
            "HUAXIANG_CLOCK": str(folder / "clock.json"),
        }
        write_key_file(
            folder / "keys.yaml",
            [
                key_entry("source-key", tenant="t1", subject="shop", roles=["source"]),
                key_entry("other-source-key", tenant="t2", subject="shop", roles=["source"]),
                key_entry("service-key", tenant="*", subject="tagging", roles=["service"]),
            ],
        )
        write_secret_file(folder / "identity.secret")
        write_clock_file(folder / "clock.json", SUITE_NOW, 1.0)
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "identity"], env=self.environment, stderr=subprocess.DEVNULL
        )

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        if self._running is None:
            return 0
        self._running.send_signal(how)
        code = self._running.wait(READY_S)
        self._running = None
        return code

    def refuse(self, **environment: str) -> tuple[int, str]:
        """Starts where it must not run; the exit code and what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "identity"],
            env=self.environment | environment,
            capture_output=True,
            timeout=READY_S,
            check=False,
            text=True,
        )
        return done.returncode, done.stderr

    async def channel(self, key: str) -> grpc.aio.Channel:
        channel = connect(f"127.0.0.1:{self.port}", key=key)
        await channel.channel_ready()
        return channel
