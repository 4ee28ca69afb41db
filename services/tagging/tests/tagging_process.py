"""`python -m tagging` as a process of its own, over one data folder and a scripted identity."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from huaxiang.tagging.v1 import lake_service_pb2, lake_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.client import connect
from servicekit.principal import key_entry, write_key_file

READY_S = 40.0


class Process:
    """A tagging process over one data folder; kills what it started."""

    def __init__(self, folder: Path, identity_target: str, **environment: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = folder / "data"
        (folder / "service.key").write_text("key-of-service\n")
        self.environment = (
            os.environ
            | {
                "HUAXIANG_DATA": str(self.data),
                "HUAXIANG_KEYS": str(folder / "tagging-keys.yaml"),
                "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
                "HUAXIANG_IDENTITY_TARGET": identity_target,
                "HUAXIANG_TAGGING_PORT": str(self.port),
                "HUAXIANG_LAKE_FLUSH_BYTES": "20000",
            }
            | environment
        )
        admin = key_entry("admin-key", tenant="t1", subject="admin", roles=["admin"])
        write_key_file(folder / "tagging-keys.yaml", [admin])
        self._running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._running = subprocess.Popen(
            [sys.executable, "-m", "tagging"], env=self.environment, stderr=subprocess.DEVNULL
        )

    def kill(self, how: signal.Signals = signal.SIGKILL) -> int:
        if self._running is None:
            return 0
        self._running.send_signal(how)
        code = self._running.wait(READY_S)
        self._running = None
        return code

    async def call(self, stub: Callable[[Any], Any], rpc: str, request: Any) -> Any:
        """Calls an rpc once the process serves."""
        channel = connect(f"127.0.0.1:{self.port}", key="admin-key")
        try:
            return await getattr(stub(channel), rpc)(request, timeout=READY_S, wait_for_ready=True)
        finally:
            await channel.close()

    async def flush(self, consistency: revision_pb2.Consistency) -> lake_service_pb2.FlushLakeResponse:
        request = lake_service_pb2.FlushLakeRequest(consistency=consistency)
        done: lake_service_pb2.FlushLakeResponse = await self.call(
            lake_service_pb2_grpc.LakeServiceStub, "FlushLake", request
        )
        return done

    async def refuse(self, **environment: str) -> tuple[int, str]:
        """Starts where it must not run; the exit code and what it said."""
        done = subprocess.run(  # noqa: ASYNC221  # nothing else is to run meanwhile
            [sys.executable, "-m", "tagging"],
            env=self.environment | environment,
            capture_output=True,
            timeout=READY_S,
            check=False,
            text=True,
        )
        return done.returncode, done.stderr
