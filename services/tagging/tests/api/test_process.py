"""`python -m tagging` as its own process: starts from the environment, survives kill -9, refuses clearly."""

import os
import signal
import socket
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest
from huaxiang.tagging.v1 import lake_service_pb2, lake_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from scripted_identity import ScriptedIdentity, event, person
from servicekit.client import connect
from servicekit.principal import key_entry, write_key_file
from servicekit.revision import Lane

READY_S = 40.0
ROUNDS, EVENTS = 3, 200


class Process:
    """A tagging process over one data folder; kills what it started."""

    def __init__(self, folder: Path, identity_target: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.data = folder / "data"
        (folder / "service.key").write_text("key-of-service\n")
        self.environment = os.environ | {
            "HUAXIANG_DATA": str(self.data),
            "HUAXIANG_KEYS": str(folder / "tagging-keys.yaml"),
            "HUAXIANG_SERVICE_KEY_FILE": str(folder / "service.key"),
            "HUAXIANG_IDENTITY_TARGET": identity_target,
            "HUAXIANG_TAGGING_PORT": str(self.port),
            "HUAXIANG_LAKE_FLUSH_BYTES": "20000",
        }
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

    async def flush(self, consistency: revision_pb2.Consistency) -> lake_service_pb2.FlushLakeResponse:
        channel = connect(f"127.0.0.1:{self.port}", key="admin-key")
        try:
            request = lake_service_pb2.FlushLakeRequest(consistency=consistency)
            stub = lake_service_pb2_grpc.LakeServiceStub(channel)
            return await stub.FlushLake(request, timeout=READY_S, wait_for_ready=True)
        finally:
            await channel.close()

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


@pytest.fixture
def process(tmp_path: Path, identity: ScriptedIdentity) -> Iterator[Process]:
    made = Process(tmp_path, identity.target)
    yield made
    made.kill()


async def test_kill_9_at_any_moment_loses_and_doubles_nothing(
    process: Process, identity: ScriptedIdentity
) -> None:
    identity.say(*(person(number, number) for number in range(1, 51)))
    sequence = 0
    for number in range(ROUNDS):
        process.start()
        said = [event(sequence + each, each % 50 + 1, second=each * 2_000) for each in range(1, EVENTS + 1)]
        sequence += EVENTS
        half = identity.say(*said[: EVENTS // 2])
        wanted = identity.say(*said[EVENTS // 2 :], lane=Lane.BULK)
        if number < ROUNDS - 1:
            consistency = revision_pb2.Consistency(at_least_as_fresh=half.to_proto())
            await process.flush(consistency)
            process.kill()
    await process.flush(revision_pb2.Consistency(at_least_as_fresh=wanted.to_proto()))
    assert process.kill(signal.SIGTERM) == 0
    glob = process.data / "tagging" / "lake" / "*" / "day=*" / "*.parquet"
    read = duckdb.sql(f"SELECT ingest_sequence FROM read_parquet('{glob}') ORDER BY 1").fetchall()
    assert [row[0] for row in read] == list(range(1, sequence + 1))


async def test_it_says_what_keeps_it_from_starting(process: Process, tmp_path: Path) -> None:
    code, said = await process.refuse(HUAXIANG_KEYS="", HUAXIANG_TAGGING_PORT="many")
    assert code == 78
    assert "HUAXIANG_KEYS is required" in said
    assert "HUAXIANG_TAGGING_PORT: 'many' is not a whole number" in said
    code, said = await process.refuse(HUAXIANG_SERVICE_KEY_FILE=str(tmp_path / "nowhere"))
    assert code == 78
    assert "HUAXIANG_SERVICE_KEY_FILE" in said
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        code, said = await process.refuse(HUAXIANG_TAGGING_PORT=port)
    assert code == 69
    assert f"port {port}" in said


async def test_a_data_folder_of_a_newer_version_is_left_alone(process: Process) -> None:
    process.start()
    await process.flush(revision_pb2.Consistency())
    process.kill(signal.SIGTERM)
    with sqlite3.connect(process.data / "tagging" / "tagging.db") as store:
        store.execute("UPDATE alembic_version SET version_num = '9999'")
    code, said = await process.refuse()
    assert code == 65
    assert "newer version" in said
