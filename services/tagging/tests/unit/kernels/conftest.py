"""What the tests of kernels share: threads, with every kernel compiled."""

import fcntl
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def threads() -> Iterator[object]:
    from servicekit.kernels.threads import Threads
    from tagging.kernels.compiling import compile_ahead

    made = Threads(2)
    with (Path(tempfile.gettempdir()) / f"tagging-kernels-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # processes of a test run compile once, not each
        compile_ahead(made)
    yield made
    made.close()
