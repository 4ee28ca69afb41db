"""Fixtures of the API tests: a scripted identity, and tagging started over it."""

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from servicekit.testing.servers import serving

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripted_identity import ScriptedIdentity, Start, running
from tag_desk import Office, opened


@pytest.fixture
async def identity(tmp_path: Path) -> AsyncIterator[ScriptedIdentity]:
    """A scripted identity on a free port."""
    folder = tmp_path / "identity"
    folder.mkdir()
    made = ScriptedIdentity(folder)
    async with serving(made.services(), folder) as server:
        made.target = server.target
        yield made
    await made.database.close()


@pytest.fixture
def start(migrated_url: str, tmp_path: Path, identity: ScriptedIdentity) -> Start:
    """Starts tagging on its store; the context's end stops it, and it may be started again."""
    return lambda: running(migrated_url, tmp_path / "tagging", identity.target)


@pytest.fixture
async def office(migrated_url: str, tmp_path: Path) -> AsyncIterator[Office]:
    """Tagging's catalogue and governance, and somebody of each role."""
    async with opened(migrated_url, tmp_path) as served:
        yield served
