"""What the tests of tagging share: a migrated store on each dialect."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from servicekit.changelog import Changelog
from servicekit.database import Database
from servicekit.migrations import migrate

MIGRATIONS = Path(__file__).parents[1] / "migrations"


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """An empty, migrated store."""
    opened = Database.open(database_url, synchronous="NORMAL")
    migrate(opened, MIGRATIONS)
    opened.write_now(Changelog("tagging").create)
    yield opened
    opened.close_now()
