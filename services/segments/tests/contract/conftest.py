"""An empty, migrated store, on each dialect in turn."""

from collections.abc import Iterator

import pytest
from segments.main import SOURCES
from servicekit.changelog import Changelog
from servicekit.database import Database


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    opened = Database.open(migrated_url, synchronous="NORMAL")
    opened.write_now(Changelog("segments", sources=SOURCES).create)
    yield opened
    opened.close_now()
