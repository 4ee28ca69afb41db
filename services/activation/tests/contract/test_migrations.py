"""The migrations make the tables that the schema declares; a store of a newer release is refused."""

from collections.abc import Iterator

import pytest
from activation.main import open_store
from activation.store.schema import metadata
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from servicekit.database import Database
from servicekit.migrations import DataNewer
from sqlalchemy import text


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    database = Database.open(database_url)
    yield database
    database.close_now()


def test_the_migrations_make_the_declared_tables(database: Database) -> None:
    open_store(database)
    found = database.read_now(lambda c: compare_metadata(MigrationContext.configure(c), metadata))
    assert found == []
    open_store(database)


def test_a_store_of_a_newer_release_is_refused(database: Database) -> None:
    open_store(database)
    database.write_now(lambda c: c.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    with pytest.raises(DataNewer, match="newer version"):
        open_store(database)
