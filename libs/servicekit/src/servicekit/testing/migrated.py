"""Pytest plugin: `migrated_url` gives every test a store of a service at its newest schema, on each dialect.

Migrations run once in a process for each service and dialect; every test gets a copy of what they made. A
service names its folder in its conftest:

    @pytest.fixture
    def migrations() -> Path:
        return MIGRATIONS
"""

import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from servicekit.database import Database
from servicekit.migrations import migrate

if TYPE_CHECKING:
    from sqlalchemy import Engine


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
    """Migrated databases that `CREATE DATABASE` copies, by the folder of their migrations."""

    def __init__(self, server: "Engine") -> None:
        self._server = server
        self._names: dict[Path, str] = {}

    def create(self, migrations: Path, name: str) -> str:
        """The URL of a new database."""
        if migrations not in self._names:
            template = f"template_{len(self._names)}"
            self._create(template, "template1")
            _migrated(self._url(template), migrations)
            self._names[migrations] = template
        self._create(name, self._names[migrations])
        return self._url(name)

    def drop(self, name: str) -> None:
        with self._server.connect() as connection:
            connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")

    def _create(self, name: str, template: str) -> None:
        with self._server.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY")

    def _url(self, name: str) -> str:
        return self._server.url.set(database=name).render_as_string(hide_password=False)


def _migrated(url: str, migrations: Path) -> None:
    database = Database.open(url)
    migrate(database, migrations)
    database.close_now()


@pytest.fixture(scope="session")
def sqlite_templates(tmp_path_factory: pytest.TempPathFactory) -> SqliteTemplates:
    return SqliteTemplates(tmp_path_factory.mktemp("templates"))


@pytest.fixture(scope="session")
def postgres_templates(postgres_server: "Engine") -> PostgresTemplates:
    return PostgresTemplates(postgres_server)


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
    """The URL of a migrated Postgres database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    yield postgres_templates.create(migrations, name)
    postgres_templates.drop(name)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def migrated_url(request: pytest.FixtureRequest) -> str:
    """A migrated store, on each dialect in turn."""
    return str(request.getfixturevalue(f"migrated_{request.param}_url"))
