"""Makes the tests' world importable."""

import sys
from pathlib import Path

import pytest
from activation.main import MIGRATIONS

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS
