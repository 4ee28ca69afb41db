"""`python -m tagging` as its own process: starts from the environment and refuses clearly."""

import signal
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from huaxiang.type.v1 import revision_pb2
from scripted_identity import ScriptedIdentity
from tagging_process import Process


@pytest.fixture
def process(tmp_path: Path, identity: ScriptedIdentity) -> Iterator[Process]:
    made = Process(tmp_path, identity.target)
    yield made
    made.kill()


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
