"""An identity service over each store, with a clock that stands still."""

import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import pytest_asyncio
from identity.main import MIGRATIONS, Wiring, wire
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.migrated import PostgresTemplates, SqliteTemplates
from servicekit.testing.servers import LocalServer, serving

sys.path.insert(0, str(Path(__file__).parent))

from kept_service import TENANTS, ClockOfTest, KeptService, TenantsServer

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def migrations() -> Path:
    return MIGRATIONS


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture(scope="session")
def secret() -> bytes:
    return secrets.token_bytes(32)


@pytest.fixture
def wiring(migrated_url: str, secret: bytes, clock: ManualClock) -> Iterator[Wiring]:
    """A service over an empty store, on each dialect in turn."""
    database = Database.open(migrated_url)
    yield wire(database, secret, clock, ("tagging",))
    database.close_now()


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def kept_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A migrated store for all tests of a module, on each dialect in turn."""
    if request.param == "sqlite":
        templates: SqliteTemplates = request.getfixturevalue("sqlite_templates")
        yield templates.copy(MIGRATIONS, tmp_path_factory.mktemp("kept") / "store.db")
        return
    databases: PostgresTemplates = request.getfixturevalue("postgres_templates")
    used = databases.take(MIGRATIONS)
    yield used.url
    databases.give_back(MIGRATIONS, used)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept(
    kept_url: str, secret: bytes, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[KeptService]:
    """A service for all tests of a module."""
    clock = ClockOfTest(ManualClock(NOW))
    wiring = wire(Database.open(kept_url), secret, clock, ("tagging",))
    async with serving(
        wiring.services,
        tmp_path_factory.mktemp("kept"),
        name="identity",
        tenants=TENANTS,
        max_message_bytes=MAX_INGEST_MESSAGE_BYTES,
    ) as server:
        yield KeptService(wiring, server, clock)
    await wiring.ingest.close()
    await wiring.database.close()


@pytest_asyncio.fixture(loop_scope="module")
async def kept_server(kept: KeptService, clock: ManualClock) -> AsyncIterator[TenantsServer]:
    """The server of the module, with tenants of this test."""
    server = kept.for_test(clock)
    yield server
    await server.close()


@pytest.fixture
async def server(wiring: Wiring, tmp_path: Path) -> AsyncIterator[LocalServer]:
    """The service on a real channel; keys of every role for the tenants t1 and t2."""
    async with serving(
        wiring.services, tmp_path, name="identity", max_message_bytes=MAX_INGEST_MESSAGE_BYTES
    ) as server:
        yield server
    await wiring.ingest.close()
