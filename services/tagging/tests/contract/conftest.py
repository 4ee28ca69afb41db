"""What contract tests share, and lets them import what several of them use."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from kept_queries import KeptQueries


@pytest.fixture(scope="module")
def all_kept_queries() -> KeptQueries:
    return KeptQueries()


@pytest.fixture
def kept_queries(all_kept_queries: KeptQueries, monkeypatch: pytest.MonkeyPatch) -> None:
    """Puts equal queries together once."""
    all_kept_queries.put_in_place(monkeypatch)
