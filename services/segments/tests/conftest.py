"""What the tests of segments share."""

import fcntl
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from segments.main import MIGRATIONS

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture(scope="session")
def threads() -> Iterator[object]:
    from segments.engine.compiling import compile_ahead
    from segments.engine.threads import Threads

    made = Threads(2)
    with (Path(tempfile.gettempdir()) / f"segments-kernels-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of a test run compile once, not each
        compile_ahead(made)
    yield made
    made.close()
