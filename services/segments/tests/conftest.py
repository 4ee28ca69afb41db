"""What the tests of segments share."""

import sys
from pathlib import Path

import pytest
from segments.main import MIGRATIONS

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS
