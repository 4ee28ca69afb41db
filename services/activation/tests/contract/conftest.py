"""An empty store of activation, on each dialect in turn."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from activation.domain.campaign import Campaign, Draft, State
from activation.main import open_store
from servicekit.database import Database

NOW = datetime(2026, 6, 11, 4, tzinfo=UTC)
DRAFT = Draft("c1", "", "snap", "jpush", "push", "transactional", "", "", {"a": "b"}, "", 0, "", None, "")


@pytest.fixture
def database(migrated_url: str) -> Iterator[Database]:
    database = Database.open(migrated_url, synchronous="NORMAL")
    open_store(database)
    yield database
    database.close_now()


@pytest.fixture
def campaign() -> Campaign:
    return Campaign("t1", DRAFT, State.RUNNING, "", 1, NOW, start_time=NOW, plan_done=True)


@pytest.fixture
def other(campaign: Campaign) -> Campaign:
    return replace(campaign, draft=replace(DRAFT, campaign_id="c2"))
