"""A running world, on SQLite; `postgres_world` on Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from activation_world import World, made_world


@pytest.fixture
async def still_world(tmp_path: Path, migrated_sqlite_url: str) -> AsyncIterator[World]:
    """Served, its workers not started."""
    async with made_world(tmp_path, migrated_sqlite_url) as made:
        await made.start(workers=False)
        yield made
        await made.stop()


@pytest.fixture
async def world(still_world: World) -> World:
    still_world.work()
    return still_world


@pytest.fixture
async def any_world(tmp_path: Path, migrated_url: str) -> AsyncIterator[World]:
    """On each dialect in turn."""
    async with made_world(tmp_path, migrated_url) as made:
        await made.start()
        yield made
        await made.stop()
