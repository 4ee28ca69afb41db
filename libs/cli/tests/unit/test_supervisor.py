"""The supervisor: waits until all serve, restarts what dies, says why something does not start, stops all."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from cli.exits import Exit, Refusal
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.programs import Ports, Program, programs
from cli.suite.state import Process, read_state
from cli.suite.supervisor import Supervisor, listens, require_free_ports

WITHIN_S = 60.0
SERVES = """
import socket, sys, time
with socket.create_server(("127.0.0.1", int(sys.argv[1]))) as server:
    while True:
        server.accept()[0].close()
"""
SUPERVISES = """
import sys
from pathlib import Path
from cli.suite.programs import Program
from cli.suite.supervisor import Supervisor

folder, program, port = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
tiny = Program("tiny", (sys.executable, "-c", program, str(port)), {}, port)
supervisor = Supervisor([tiny], folder / "logs", folder / "suite.json", print)
supervisor.run((folder / "ready").touch)
"""


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture
def supervised(tmp_path: Path, port: int) -> Iterator[tuple[subprocess.Popen[bytes], SuiteFolder]]:
    """A supervisor in a process of its own over one tiny program that serves."""
    command = [sys.executable, "-c", SUPERVISES, str(tmp_path), SERVES, str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    folder = SuiteFolder(tmp_path)
    until((tmp_path / "ready").exists)
    yield process, folder
    process.kill()
    process.wait()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + WITHIN_S
    while not condition():
        assert time.monotonic() < end, "it did not come about"
        time.sleep(0.02)


def tiny(folder: SuiteFolder) -> dict[str, int]:
    found = running.find(folder)
    assert found is not None
    return found.processes["tiny"]


def test_a_killed_process_is_started_again_and_counted(
    supervised: tuple[subprocess.Popen[bytes], SuiteFolder], port: int
) -> None:
    _, folder = supervised
    first = tiny(folder)
    assert first["restarts"] == 0
    os.kill(first["pid"], signal.SIGKILL)
    until(lambda: tiny(folder)["restarts"] == 1 and listens(port))
    assert tiny(folder)["pid"] != first["pid"]


def supervise(tmp_path: Path, port: int, behind: Callable[[], list[str]]) -> list[str]:
    """What a supervisor says until it is ready; then it is told to stop."""
    said: list[str] = []
    program = Program("tiny", (sys.executable, "-c", SERVES, str(port)), {}, port)
    supervisor = Supervisor([program], tmp_path / "logs", tmp_path / "suite.json", said.append, behind)

    def ready() -> None:
        said.append("ready")
        os.kill(os.getpid(), signal.SIGTERM)

    before = [signal.getsignal(each) for each in (signal.SIGTERM, signal.SIGINT)]
    try:
        supervisor.run(ready)
    finally:
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
    return said


def test_it_is_ready_when_changes_reach_everyone_and_says_whom_it_waits_for(
    tmp_path: Path, port: int
) -> None:
    answers = [["tagging", "segments"], ["tagging", "segments"], ["segments"], []]
    said = supervise(tmp_path, port, lambda: answers.pop(0))
    assert said == [
        "waiting until changes reach tagging, segments",
        "waiting until changes reach segments",
        "ready",
    ]


def test_it_does_not_wait_for_ever(tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cli.suite.supervisor.FOLLOW_WITHIN_S", 0.3)
    waiting, given_up, ready = supervise(tmp_path, port, lambda: ["segments"])
    assert waiting == "waiting until changes reach segments"
    assert "no changes reached segments" in given_up
    assert ready == "ready"


def test_down_stops_the_processes_and_removes_the_state(
    supervised: tuple[subprocess.Popen[bytes], SuiteFolder], port: int
) -> None:
    process, folder = supervised
    found = running.find(folder)
    assert found is not None
    threading.Thread(target=process.wait, daemon=True).start()
    running.stop(found)
    until(lambda: not listens(port))
    assert running.find(folder) is None
    assert not folder.state.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="no tie to a parent but on Linux")
def test_nothing_outlives_a_supervisor_that_is_killed(
    supervised: tuple[subprocess.Popen[bytes], SuiteFolder], port: int
) -> None:
    process, folder = supervised
    pid = tiny(folder)["pid"]
    process.kill()
    process.wait()
    until(lambda: not Process.now(pid).born)
    assert not listens(port)
    assert running.end(folder) == ()


def test_every_port_of_a_program_must_be_free(tmp_path: Path) -> None:
    activation = next(
        each
        for each in programs(
            SuiteFolder(tmp_path), Ports(8100), sandbox=True, trace=False, own_clock=False, extra={}
        )
        if each.name == "activation"
    )
    assert activation.ports == (8104, 8204)
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = int(server.getsockname()[1])
        program = replace(activation, ready_port=1, more_ports=(taken,))
        with pytest.raises(Refusal, match=rf"{taken} \(activation\)"):
            require_free_ports([program])


def test_a_full_disk_is_named_where_no_log_could_be_written(
    tmp_path: Path, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.suite.supervisor.FULL_BELOW_BYTES", 2**62)
    program = Program("tiny", (sys.executable, "-c", "raise SystemExit(1)"), {}, port)
    supervisor = Supervisor([program], tmp_path / "logs", tmp_path / "suite.json", print)
    with pytest.raises(Refusal, match=r"ended with code 1 \(the disk is full\)"):
        supervisor.run(lambda: None)


def test_a_start_that_is_broken_off_does_not_come_up_later(tmp_path: Path) -> None:
    """Ctrl-C reaches the command that waits, not the suite in a session of its own."""
    folder = SuiteFolder(tmp_path)
    base_port = random.SystemRandom().randrange(10_000, 30_000, 10)
    command = [
        sys.executable,
        "-m",
        "cli",
        "up",
        "--detach",
        f"--folder={tmp_path}",
        f"--base-port={base_port}",
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as starting:
        until(lambda: read_state(folder.state) is not None)
        state = read_state(folder.state)
        assert state is not None
        starting.send_signal(signal.SIGINT)
        assert starting.wait(WITHIN_S) != 0
    assert not state.supervisor.lives()
    assert not state.left()


def test_the_state_of_a_supervisor_that_died_is_no_running_suite(tmp_path: Path) -> None:
    folder = SuiteFolder(tmp_path)
    gone = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True
    )
    folder.state.write_text(json.dumps({"supervisor": int(gone.stdout), "processes": {}}))
    assert running.find(folder) is None
    with pytest.raises(Refusal, match="huaxiang up") as refused:
        running.require(folder)
    assert refused.value.code is Exit.NOT_REACHED


def test_a_port_in_use_is_named_with_whom_to_ask_and_how_to_change(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        taken = int(server.getsockname()[1])
        program = Program("identity", (sys.executable, "-c", ""), {}, taken)
        with pytest.raises(Refusal, match=rf"{taken} \(identity\).*--base-port") as refused:
            require_free_ports([program])
        assert refused.value.code is Exit.CONFLICT
        supervisor = Supervisor([program], tmp_path / "logs", tmp_path / "suite.json", lambda _: None)
        with pytest.raises(Refusal):
            supervisor.run(lambda: None)
    assert not (tmp_path / "suite.json").exists()


@pytest.mark.parametrize(
    ("program", "why"),
    [
        (
            "import sys; print('needs release 9', file=sys.stderr); sys.exit(65)",
            "its data is of a newer version",
        ),
        (
            "import sys; print('KEYS is missing', file=sys.stderr); sys.exit(78)",
            "its configuration is refused",
        ),
        ("raise ValueError('bad luck')", "ended with code 1"),
    ],
)
def test_what_does_not_start_is_told_with_the_end_of_its_log(
    tmp_path: Path, port: int, program: str, why: str
) -> None:
    refused = subprocess.run(
        [sys.executable, "-c", SUPERVISES, str(tmp_path), program, str(port)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert refused.returncode != 0
    assert why in refused.stderr
    last = (tmp_path / "logs" / "tiny.log").read_text().strip().splitlines()[-1]
    assert last in refused.stderr
    assert not (tmp_path / "suite.json").exists()
