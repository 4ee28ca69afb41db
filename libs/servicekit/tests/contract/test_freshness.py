"""Freshness on both dialects: what is waited for, what is refused, who is woken."""

import asyncio

import pytest
from huaxiang.type.v1 import revision_pb2
from servicekit.changelog import Entry
from servicekit.commits import Commits
from servicekit.errors import NotReached, RevisionForeign, RevisionMalformed
from servicekit.freshness import Freshness
from servicekit.progress import Progress
from servicekit.revision import Lane, Revision
from servicekit.upstream import advance, reset
from toy import ToyStore

OLD, NOW, NEXT = "6a00000000000000", "6b00000000000000", "6c00000000000000"


@pytest.fixture
def store(database_url):
    opened = ToyStore.open(database_url, "right", {"left": ("left", "further")})
    further = Revision("further", NOW, 50, 50)
    opened.database.write_now(reset, "left", Revision("left", NOW, 10, 10), (further,))
    yield opened
    opened.database.close_now()


def soon(seconds=0.3):
    return asyncio.get_running_loop().time() + seconds


@pytest.mark.parametrize(
    "revision",
    [
        Revision("left", NOW),
        Revision("left", OLD),
        Revision("left", NOW, 10, 10),
        Revision("left", NOW, live=10),
        Revision("left", NOW, bulk=3),
        Revision("further", NOW, 50, 50),
    ],
)
async def test_what_was_reached_is_not_waited_for(store, revision):
    await Freshness.of_store(store.database, store.changelog).reach(revision, deadline=0)


@pytest.mark.parametrize(
    "revision",
    [
        Revision("left", NOW, live=11),
        Revision("left", NOW, bulk=11),
        Revision("further", NOW, live=51),
        Revision("left", NEXT, live=1),
    ],
)
async def test_what_was_not_reached_is_told_before_the_deadline(store, revision):
    freshness = Freshness.of_store(store.database, store.changelog)
    deadline = soon()
    with pytest.raises(NotReached) as error:
        await freshness.reach(revision, deadline)
    assert asyncio.get_running_loop().time() < deadline + 2, "a busy machine may be late, 20 s would be wrong"
    assert error.value.metadata == {"service": revision.service}


@pytest.mark.parametrize(
    "revision",
    [
        Revision("left", OLD, live=1),
        Revision("further", OLD, bulk=1),
        Revision("right", OLD, live=1),
        Revision("right", NEXT, live=1),
        Revision("elsewhere", NOW, live=1),
    ],
)
async def test_what_can_never_be_reached_is_foreign(store, revision):
    freshness = Freshness.of_store(store.database, store.changelog)
    with pytest.raises(RevisionForeign) as error:
        await freshness.reach(revision, soon(20))
    assert error.value.metadata["service"] == revision.service


async def test_a_lane_does_not_wait_for_the_other(store):
    freshness = Freshness.of_store(store.database, store.changelog)
    waiting = asyncio.ensure_future(freshness.reach(Revision("left", NOW, live=12), soon(20)))
    other = asyncio.ensure_future(freshness.reach(Revision("left", NOW, bulk=12), soon(0.4)))
    await asyncio.sleep(0.05)
    await store.database.write(advance, "left", Lane.LIVE, Revision("left", NOW, live=12), ())
    await asyncio.wait_for(waiting, 5)
    with pytest.raises(NotReached):
        await other


async def test_all_who_wait_are_woken_by_what_they_wait_for(store):
    freshness = Freshness.of_store(store.database, store.changelog)
    waiting = {
        position: asyncio.ensure_future(freshness.reach(Revision("left", NOW, live=position), soon(20)))
        for position in range(11, 31)
    }
    for position in range(11, 31):
        await store.database.write(advance, "left", Lane.LIVE, Revision("left", NOW, live=position), ())
        await asyncio.wait_for(waiting[position], 5)
        assert not any(waiting[later].done() for later in range(position + 1, 31))


async def test_a_revision_after_a_restore_is_waited_for_until_it_arrives(store):
    freshness = Freshness.of_store(store.database, store.changelog)
    waiting = asyncio.ensure_future(freshness.reach(Revision("left", NEXT, live=2), soon(20)))
    await asyncio.sleep(0.05)
    await store.database.write(reset, "left", Revision("left", NEXT, 2, 2), ())
    await asyncio.wait_for(waiting, 5)


async def test_a_revision_of_an_epoch_that_began_meanwhile_is_known(store):
    """A service that has answered reads, bootstraps, and then writes and reads again."""
    freshness = Freshness.of_store(store.database, store.changelog)
    before = await store.database.write(store.changelog.append, Lane.LIVE, [Entry("x", "t1", b"")])
    await freshness.reach(before, soon(5))
    await store.database.write(
        store.changelog.finish_bootstrap, "left", Progress(Revision("left", NOW, 20, 20))
    )
    after = await store.database.write(store.changelog.append, Lane.LIVE, [Entry("x", "t1", b"")])
    await freshness.reach(after, soon(5))
    with pytest.raises(RevisionForeign):
        await freshness.reach(before, soon(5))


async def test_memory_that_is_behind_its_stores_epoch_is_waited_for(store):
    loaded = store.database.read_now(store.changelog.head)
    commits = Commits()

    async def load():
        return loaded

    freshness = Freshness(store.changelog, load, commits)
    await store.database.write(store.changelog.new_epoch)
    revision = await store.database.write(store.changelog.append, Lane.LIVE, [Entry("x", "t1", b"")])
    waiting = asyncio.ensure_future(freshness.reach(revision, soon(20)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    loaded = await store.database.read(store.changelog.head)
    commits.notify()
    await asyncio.wait_for(waiting, 5)


async def test_the_services_own_revisions_are_known_at_once(store):
    freshness = Freshness.of_store(store.database, store.changelog)
    revision = await store.database.write(store.changelog.append, Lane.LIVE, [Entry("x", "t1", b"")])
    fresh = revision_pb2.Consistency(at_least_as_fresh=revision.to_proto())
    await freshness.ensure(fresh, deadline=0)
    await freshness.ensure(None)
    await freshness.ensure(revision_pb2.Consistency(minimize_latency=True))
    with pytest.raises(RevisionMalformed):
        await freshness.ensure(revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision()))


async def test_a_service_that_answers_from_memory_brings_its_own_view(store):
    """The store may be further than the memory: the memory counts."""
    loaded = store.database.read_now(store.changelog.head)
    commits = Commits()

    async def load():
        return loaded

    freshness = Freshness(store.changelog, load, commits)
    await store.database.write(advance, "left", Lane.LIVE, Revision("left", NOW, live=12), ())
    waiting = asyncio.ensure_future(freshness.reach(Revision("left", NOW, live=12), soon(20)))
    await asyncio.sleep(0.05)
    assert not waiting.done()
    loaded = await store.database.read(store.changelog.head)
    commits.notify()
    await asyncio.wait_for(waiting, 5)
