"""What the tests of the engine share: the threads, and people whose columns have every form that there is."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def threads() -> Iterator[object]:
    from segments.engine.threads import Threads

    made = Threads(2)
    yield made
    made.close()
