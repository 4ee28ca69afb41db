"""A store that is held: by one process at a time, and by nobody once that has ended, however it ended."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from servicekit.database import Database
from servicekit.hold import Hold, InUse
from servicekit.server import EXIT_STORE_IN_USE, serve
from sqlalchemy import make_url

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such lock")
HOLDS = """
import sys, time
from pathlib import Path
from servicekit.hold import Hold
held = Hold(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def test_one_holder_at_a_time_and_the_other_is_told_which(tmp_path: Path) -> None:
    held = Hold(tmp_path / "store")
    with pytest.raises(InUse, match=f"process {os.getpid()}:"):
        Hold(tmp_path / "store")
    held.release()
    Hold(tmp_path / "store").release()


def test_a_holder_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDS, str(tmp_path / "store")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(InUse, match=f"process {other.pid}:"):
            Hold(tmp_path / "store")
        other.kill()
    Hold(tmp_path / "store").release()


def test_a_store_opened_alone_is_opened_alone_by_nobody_else(sqlite_url: str) -> None:
    database = Database.open(sqlite_url, alone=True)
    with pytest.raises(InUse):
        Database.open(sqlite_url, alone=True)
    database.close_now()
    Database.open(sqlite_url, alone=True).close_now()


def test_a_service_over_a_store_in_use_ends_with_a_code_of_its_own(
    sqlite_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async def build():
        Database.open(sqlite_url, alone=True)

    held = Hold(Path(make_url(sqlite_url).database or ""))
    assert serve(build) == EXIT_STORE_IN_USE
    assert f"process {os.getpid()}" in capsys.readouterr().err
    held.release()
