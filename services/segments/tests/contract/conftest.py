"""An empty, migrated store, on each dialect in turn."""

from collections.abc import Iterator

import pytest
from segments.main import MIGRATIONS, SOURCES
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.migrations import migrate


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    opened = Database.open(database_url, synchronous="NORMAL")
    migrate(opened, MIGRATIONS)
    opened.write_now(Changelog("segments", sources=SOURCES).create)
    yield opened
    opened.close_now()
