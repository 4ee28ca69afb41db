"""An identity service over each store, with a clock that stands still."""

import secrets
import sys
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from identity.main import MIGRATIONS, Wiring, wire
from servicekit.client import MAX_INGEST_MESSAGE_BYTES
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.servers import LocalServer, serving

sys.path.insert(0, str(Path(__file__).parent))

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


@pytest.fixture
async def server(wiring: Wiring, tmp_path: Path) -> AsyncIterator[LocalServer]:
    """The service on a real channel; keys of every role for the tenants t1 and t2."""
    async with serving(
        wiring.services, tmp_path, name="identity", max_message_bytes=MAX_INGEST_MESSAGE_BYTES
    ) as server:
        yield server
    await wiring.ingest.close()
