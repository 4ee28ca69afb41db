"""Which suite runs in a folder: never a stranger that has got the supervisor's process id."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli.suite import running
from cli.suite.folder import SuiteFolder
from cli.suite.supervisor import Supervisor


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


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="this system does not tell births")
def test_a_stranger_with_the_supervisors_id_is_no_suite(
    tmp_path: Path, stranger: subprocess.Popen[bytes]
) -> None:
    suite = written(tmp_path)
    state = json.loads(suite.state.read_text())
    suite.state.write_text(json.dumps(state | {"supervisor": stranger.pid}))
    assert running.find(suite) is None
