"""Which suite runs in a folder: never a stranger that has got the supervisor's process id."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.exits import Exit, Refusal
from cli.main import app
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.state import Process, State, write_state
from cli.suite.supervisor import Supervisor
from servicekit import client
from typer.testing import CliRunner

ENDED = Process(pid=2**22 + 1, born="long ago")
"""No system gives this id."""
BIRTHS = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell births")


@pytest.fixture
def stranger() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def written(folder: Path) -> SuiteFolder:
    suite = SuiteFolder.chosen(folder)
    suite.state.parent.mkdir(parents=True, exist_ok=True)
    Supervisor((), folder, suite.state, print)._write_state()
    return suite


def test_a_suite_whose_supervisor_lives_is_found(tmp_path: Path) -> None:
    found = running.find(written(tmp_path))
    assert found is not None
    assert found.supervisor == os.getpid()


@BIRTHS
def test_a_stranger_with_the_supervisors_id_is_no_suite(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    suite = written(tmp_path)
    state = json.loads(suite.state.read_text())
    suite.state.write_text(json.dumps(state | {"supervisor": stranger.pid}))
    assert running.find(suite) is None


@pytest.mark.parametrize(
    "content", ['{"x": 1}', "[]", "7", "{", '{"supervisor": 1, "born": "", "processes": []}']
)
def test_a_damaged_state_is_no_suite(tmp_path: Path, content: str) -> None:
    suite = SuiteFolder.chosen(tmp_path)
    suite.state.write_text(content)
    assert running.find(suite) is None
    told = CliRunner().invoke(app, ["down", "--folder", str(tmp_path)])
    assert (told.exit_code, told.output.strip()) == (Exit.OK, "no suite runs here")


def left_behind(folder: Path, left: Process) -> SuiteFolder:
    """A folder whose supervisor has ended and whose identity has not."""
    suite = SuiteFolder.chosen(folder)
    processes = {"identity": {"pid": left.pid, "born": left.born, "port": 7101, "restarts": 0}}
    write_state(suite.state, State(ENDED, processes))
    return suite


@BIRTHS
def test_what_a_killed_supervisor_left_is_stopped_and_named(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    suite = left_behind(tmp_path, Process.now(stranger.pid))
    with (
        pytest.raises(Refusal, match=f"identity {stranger.pid}.*huaxiang down") as refused,
        running.held(suite),
    ):
        pytest.fail("the folder was held")
    assert refused.value.code is Exit.CONFLICT
    assert running.end(suite) == ("identity",)
    assert not suite.state.exists()
    with running.held(suite):
        pass


@BIRTHS
def test_a_stranger_with_the_id_of_what_was_left_is_not_stopped(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    suite = left_behind(tmp_path, Process(stranger.pid, "another birth"))
    assert running.end(suite) == ()
    assert stranger.poll() is None


def test_a_folder_is_held_by_one_supervisor_which_alone_writes(tmp_path: Path) -> None:
    suite = SuiteFolder.chosen(tmp_path)
    with running.held(suite):
        refused = CliRunner().invoke(app, ["up", "--folder", str(tmp_path), "--base-port", "65000"])
    assert refused.exit_code == Exit.CONFLICT
    assert f"(process {os.getpid()})" in refused.output
    assert not suite.secrets.exists()


@pytest.mark.parametrize("port", ["70000", "-5", "65400"])
def test_a_base_port_without_room_for_all_is_wrong_usage(tmp_path: Path, port: str) -> None:
    for command in (["up"], ["demo"], ["init"], ["sandbox"]):
        refused = CliRunner().invoke(app, [*command, "--folder", str(tmp_path), f"--base-port={port}"])
        assert refused.exit_code == Exit.USAGE
    assert not list(tmp_path.iterdir())


def test_every_command_acts_with_the_key_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not with the admin's, whose name histories and audits would show."""
    suite = running.RunningSuite(SuiteFolder(tmp_path), 1, {"identity": {"port": 1}})
    suite.folder.admin_key.parent.mkdir(parents=True)
    keys = {name: tmp_path / f"{name}.key" for name in ("officer", "analyst")}
    for name, path in (*keys.items(), ("admin", suite.folder.admin_key)):
        path.write_text(name, encoding="ascii")
    used: list[str] = []
    monkeypatch.setattr(client, "connect", lambda *_, key, **__: used.append(key))
    suite.channel("identity")
    monkeypatch.setenv(running.KEY_FILE, str(keys["officer"]))
    suite.channel("identity")
    suite.channel("identity", key_file=keys["analyst"])
    assert used == ["admin", "officer", "analyst"]
    monkeypatch.setenv(running.KEY_FILE, str(tmp_path / "none.key"))
    with pytest.raises(Refusal, match=r"none\.key"):
        suite.channel("identity")
