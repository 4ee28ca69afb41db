"""Pytest plugin: `migrated_url` gives every test a store of a service at its newest schema, on each dialect.

Migrations run once in a process for each service and dialect; every test gets a copy of what they made. A
service names its folder in its conftest:

    @pytest.fixture
    def migrations() -> Path:
        return MIGRATIONS
"""

import itertools
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from servicekit.database import Database
from servicekit.migrations import migrate

if TYPE_CHECKING:
    from sqlalchemy import Engine


LOOKS, PAUSE_S = 40, 0.005
"""At whether a test's connections have gone."""


class SqliteTemplates:
    """Files of migrated stores, by the folder of their migrations."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[Path, Path] = {}

    def copy(self, migrations: Path, target: Path) -> str:
        """The URL of a new store at `target`."""
        if migrations not in self._files:
            file = self._folder / f"{len(self._files)}.db"
            _migrated(f"sqlite:///{file}", migrations)
            self._files[migrations] = file
        shutil.copy(self._files[migrations], target)
        return f"sqlite:///{target}"


class PostgresTemplates:
    """Migrated databases, by the folder of their migrations. `CREATE DATABASE` copies a template; what a test gives
    back is emptied for the next one, which is cheaper than another copy."""

    def __init__(self, server: "Engine") -> None:
        self._server = server
        self._names: dict[Path, str] = {}
        self._free: dict[Path, list[UsedDatabase]] = {}
        self._numbers = itertools.count()

    def take(self, migrations: Path) -> "UsedDatabase":
        """One that holds nothing and belongs to the caller until it is given back."""
        if free := self._free.get(migrations):
            return free.pop()
        if migrations not in self._names:
            template = f"template_{len(self._names)}"
            self._create(template, "template1")
            _migrated(self._url(template), migrations)
            self._names[migrations] = template
        name = f"test_{next(self._numbers)}"
        self._create(name, self._names[migrations])
        return UsedDatabase(name, self._url(name))

    def give_back(self, migrations: Path, used: "UsedDatabase") -> None:
        """Keeps it when it is as it was, else drops it."""
        if used.emptied():
            self._free.setdefault(migrations, []).append(used)
        else:
            used.close()
            with self._server.connect() as connection:
                connection.exec_driver_sql(f"DROP DATABASE {used.name} WITH (FORCE)")

    def close(self) -> None:
        """Lets go of what is kept."""
        for used in itertools.chain.from_iterable(self._free.values()):
            used.close()

    def _create(self, name: str, template: str) -> None:
        with self._server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def _url(self, name: str) -> str:
        return self._server.url.set(database=name).render_as_string(hide_password=False)


class UsedDatabase:
    """A database that tests use in turn, with a connection of its own to empty it."""

    def __init__(self, name: str, url: str) -> None:
        self.name, self.url = name, url
        self._engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_size=1, max_overflow=0)
        with self._engine.connect() as connection:
            self._versions = connection.exec_driver_sql(_VERSIONS).all()
            self._objects = connection.exec_driver_sql(_OBJECTS).all()
            tables = [row[0] for row in self._objects if row[1] == "r" and row[0] != "alembic_version"]
            holding = (f"SELECT '{table}' WHERE EXISTS (SELECT FROM \"{table}\")" for table in tables)  # noqa: S608  # the catalogue's
            self._holding = " UNION ALL ".join(holding)
            self._made_empty = not connection.exec_driver_sql(self._holding).all()

    def emptied(self) -> bool:
        """Empties it. False when it cannot be told to be as it was: somebody is still connected, or it was altered, or
        its migrations put rows into it."""
        try:
            with self._engine.connect() as connection:
                if not self._made_empty or not self._left_alone(connection):
                    return False
                if connection.exec_driver_sql(_VERSIONS).all() != self._versions:
                    return False
                if connection.exec_driver_sql(_OBJECTS).all() != self._objects:
                    return False
                if holding := [row[0] for row in connection.exec_driver_sql(self._holding)]:
                    connection.exec_driver_sql(f"TRUNCATE {_quoted(holding)} RESTART IDENTITY CASCADE")
        except sa.exc.DBAPIError:
            return False
        return True

    def _left_alone(self, connection: sa.Connection) -> bool:
        """Whether the test's connections have gone; the server takes a moment to notice."""
        for _ in range(LOOKS):
            if not connection.exec_driver_sql(_OTHERS).scalar_one():
                return True
            time.sleep(PAUSE_S)
        return False

    def close(self) -> None:
        self._engine.dispose()


_VERSIONS = "SELECT version_num FROM alembic_version ORDER BY version_num"
_OBJECTS = (
    "SELECT relname, relkind, relnatts FROM pg_class "
    "WHERE relnamespace = 'public'::regnamespace ORDER BY relname"
)
_OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


def _quoted(tables: Sequence[str]) -> str:
    return ", ".join(f'"{table}"' for table in tables)


def _migrated(url: str, migrations: Path) -> None:
    database = Database.open(url)
    migrate(database, migrations)
    database.close_now()


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplates:
    return SqliteTemplates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def postgres_templates(postgres_server: "Engine") -> Iterator[PostgresTemplates]:
    templates = PostgresTemplates(postgres_server)
    yield templates
    templates.close()


@pytest.fixture
def migrations() -> Path:
    """The folder of the service under test."""
    raise NotImplementedError("the service's conftest names the folder of its migrations")


@pytest.fixture
def migrated_sqlite_url(sqlite_templates: SqliteTemplates, migrations: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite file."""
    return sqlite_templates.copy(migrations, tmp_path / "store.db")


@pytest.fixture
def migrated_postgres_url(postgres_templates: PostgresTemplates, migrations: Path) -> Iterator[str]:
    """The URL of a migrated Postgres database without rows, the test's own."""
    used = postgres_templates.take(migrations)
    yield used.url
    postgres_templates.give_back(migrations, used)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A migrated store, on each dialect in turn."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))
