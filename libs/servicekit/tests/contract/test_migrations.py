"""Alembic on both dialects: up to date, idempotent, atomic, and never on data of a newer release."""

import asyncio
import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from servicekit.database import Database
from servicekit.driver_sql import execute
from servicekit.migrations import DataNewer, migrate
from servicekit.revision import Lane
from toy import ToyStore, metadata

FOLDER = Path(__file__).parent / "toy_migrations"
BROKEN = """
import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    op.create_table("half", sa.Column("n", sa.Integer, primary_key=True))
    raise RuntimeError("broke off")
"""


@pytest.fixture
def database(database_url):
    opened = Database.open(database_url)
    yield opened
    opened.close_now()


def tables(database):
    return set(database.read_now(lambda c: sa.inspect(c).get_table_names()))


def test_the_migrations_make_exactly_the_tables_that_the_code_declares(database):
    migrate(database, FOLDER)

    def differences(connection):
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, metadata)

    assert database.read_now(differences) == []


def test_migrating_again_changes_nothing(database):
    migrate(database, FOLDER)
    migrate(database, FOLDER)
    assert database.read_now(lambda c: execute(c, "SELECT version_num FROM alembic_version").all()) == [
        ("0001",)
    ]


def test_data_of_a_newer_version_is_refused_untouched(database):
    migrate(database, FOLDER)
    database.write_now(lambda c: execute(c, "UPDATE alembic_version SET version_num = '0999'"))
    before = tables(database)
    with pytest.raises(DataNewer, match="data folder of a newer version") as newer:
        migrate(database, FOLDER)
    assert newer.value.revision == "0999"
    assert tables(database) == before


def test_a_migration_that_breaks_off_leaves_nothing(database, tmp_path):
    migrate(database, FOLDER)
    folder = tmp_path / "migrations"
    shutil.copytree(FOLDER, folder)
    (folder / "versions" / "0002_broken.py").write_text(BROKEN)
    with pytest.raises(RuntimeError, match="broke off"):
        migrate(database, folder)
    assert "half" not in tables(database)
    migrate(database, FOLDER)


@pytest.mark.postgres
async def test_processes_that_start_together_take_turns(postgres_url):
    opened = [Database.open(postgres_url) for _ in range(3)]
    await asyncio.gather(*(asyncio.to_thread(migrate, database, FOLDER) for database in opened))
    assert "items" in tables(opened[0])
    await asyncio.gather(*(database.close() for database in opened))


def test_a_migrated_store_works(database_url):
    database = Database.open(database_url)
    migrate(database, FOLDER)
    database.close_now()
    store = ToyStore.open(database_url)
    assert store.database.write_now(store.put, "t1", Lane.LIVE, []).live == 0
    store.database.close_now()
