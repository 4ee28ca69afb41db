"""Watch on both dialects: nothing skipped, progress true, lanes in turn, heartbeats, slow readers,
refusals."""

import asyncio
import random
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from servicekit.changelog import Changelog, Entry
from servicekit.errors import HistoryGone, InvalidField, RevisionForeign
from servicekit.retention import trim
from servicekit.revision import Lane, Revision
from servicekit.upstream import Point, advance, reset
from servicekit.watch import Watches
from toy import ToyStore

LEFT_EPOCH = "6a00000000000000"


@pytest.fixture
def store(database_url):
    opened = ToyStore.open(database_url, sources={"left": ("left",)})
    yield opened
    opened.database.close_now()


def append(store, lane, count=1, kind="item", tenant="t1", size=4):
    return store.database.write_now(store.changelog.append, lane, [Entry(kind, tenant, b"x" * size)] * count)


def origin(store):
    return Revision("toy", store.database.read_now(store.changelog.head).epoch)


async def take(stream, count, timeout_s=10):
    async with asyncio.timeout(timeout_s):
        return [await anext(stream) for _ in range(count)]


async def take_until(stream, done, timeout_s=20):
    batches = []
    async with asyncio.timeout(timeout_s):
        while not done(batches):
            batches.append(await anext(stream))
    return batches


def positions(batches, lane=None):
    return [e.position for b in batches for e in b.entries if lane in (None, b.lane)]


async def test_history_then_what_is_written_while_watching(store):
    append(store, Lane.LIVE, 3)
    append(store, Lane.BULK, 2)
    stream = Watches(store.database, store.changelog).watch(origin(store))
    first = await take_until(stream, lambda b: len(positions(b)) == 5)
    assert positions(first, Lane.LIVE) == [1, 2, 3]
    assert positions(first, Lane.BULK) == [4, 5]
    last = (await take_until(stream, lambda b: b and b[-1].progress.through.live == 5))[-1]
    assert (last.progress.through.live, last.progress.through.bulk) == (5, 5)
    await asyncio.to_thread(append, store, Lane.LIVE, 1)
    assert positions(await take_until(stream, positions)) == [6]
    await stream.aclose()


async def test_a_watch_of_one_lane_sees_only_that_lane(store):
    append(store, Lane.LIVE, 1)
    append(store, Lane.BULK, 1)
    stream = Watches(store.database, store.changelog).watch(origin(store), lanes=[Lane.BULK])
    (batch,) = await take(stream, 1)
    assert (batch.lane, positions([batch])) == (Lane.BULK, [2])
    assert (batch.progress.through.live, batch.progress.through.bulk) == (0, 2)
    await stream.aclose()


async def test_a_resumed_watch_continues_after_its_progress(store):
    append(store, Lane.LIVE, 1_200)
    watches = Watches(store.database, store.changelog)
    seen = []
    cursor = origin(store)
    while len(seen) < 1_200:
        stream = watches.watch(cursor, lanes=[Lane.LIVE])
        (batch,) = await take(stream, 1)
        await stream.aclose()
        assert len(batch.entries) <= 500
        seen += positions([batch])
        cursor = batch.progress.through
    assert seen == list(range(1, 1_201))


async def test_an_idle_watch_sends_heartbeats(store):
    stream = Watches(store.database, store.changelog, heartbeat_s=0.05).watch(origin(store))
    started = time.monotonic()
    batches = await take(stream, 4)
    assert all(not batch.entries for batch in batches)
    assert 0.14 <= time.monotonic() - started < 2
    await stream.aclose()


async def test_filtered_entries_still_move_the_progress_at_once(store):
    stream = Watches(store.database, store.changelog, heartbeat_s=30).watch(
        origin(store), kinds=["person"], tenant="t1", keep=lambda entry: len(entry.payload) > 4
    )
    await take(stream, 1)
    for kind, tenant in (("event", "t1"), ("person", "t2"), ("person", "t1")):
        revision = await asyncio.to_thread(append, store, Lane.LIVE, 1, kind, tenant)
        (batch,) = await take(stream, 1)
        assert (batch.entries, batch.progress.through.live) == ((), revision.live)
    await asyncio.to_thread(append, store, Lane.LIVE, 1, "person", "t1", 5)
    assert positions(await take(stream, 1)) == [4]
    await stream.aclose()


async def test_live_overtakes_bulk_and_bulk_gets_a_tenth(store):
    append(store, Lane.BULK, 2_000)
    append(store, Lane.LIVE, 12_500)
    stream = Watches(store.database, store.changelog).watch(origin(store))
    batches = await take_until(stream, lambda b: len(positions(b)) == 14_500)
    await stream.aclose()
    lanes = [batch.lane for batch in batches if batch.entries]
    assert lanes[:9] == [Lane.LIVE] * 9, "live first although bulk is older"
    while_both = lanes[: max(i for i, lane in enumerate(lanes) if lane is Lane.LIVE) + 1]
    assert while_both.count(Lane.BULK) / len(while_both) == pytest.approx(0.1, abs=0.05)
    assert sorted(positions(batches)) == list(range(1, 14_501))


async def test_a_slow_reader_delays_only_itself(store):
    """Its pages are read one at a time; another watch gets everything meanwhile."""
    append(store, Lane.LIVE, 5_000)
    reads = []
    page = store.changelog.page

    class Counting(Changelog):
        def page(self, *args, **options):
            found = page(*args, **options)
            reads.append(len(found.entries))
            return found

    slow = Watches(store.database, Counting("toy")).watch(origin(store), lanes=[Lane.LIVE])
    await take(slow, 1)
    quick = Watches(store.database, store.changelog).watch(origin(store), lanes=[Lane.LIVE])
    await take_until(quick, lambda b: len(positions(b)) == 5_000)
    assert reads == [500], "nothing is read ahead of a reader that does not read"
    rest = await take_until(slow, lambda b: len(positions(b)) == 4_500)
    assert positions(rest) == list(range(501, 5_001))
    await slow.aclose()
    await quick.aclose()


async def test_a_reader_slower_than_the_retention_is_told(store):
    append(store, Lane.LIVE, 1_000)
    stream = Watches(store.database, store.changelog).watch(origin(store))
    await take(stream, 1)
    await store.database.write(trim, store.changelog, keep_after_machine_time_ms=2**60)
    with pytest.raises(HistoryGone):
        await take(stream, 1)


async def test_cursors_that_cannot_be_continued_are_refused(store):
    append(store, Lane.LIVE, 4)
    start = origin(store)
    watches = Watches(store.database, store.changelog)
    await store.database.write(trim, store.changelog, keep_after_machine_time_ms=2**60, not_beyond=2)
    for after, refusal in (
        (None, InvalidField),
        (Revision("other", start.epoch, 1, 1), RevisionForeign),
        (start.at(Lane.LIVE, 1).at(Lane.BULK, 4), HistoryGone),
        (start.at(Lane.LIVE, 4).at(Lane.BULK, 1), HistoryGone),
        (start.at(Lane.LIVE, 99), HistoryGone),
        (Revision("toy", LEFT_EPOCH, 4, 4), HistoryGone),
    ):
        with pytest.raises(refusal):
            await take(watches.watch(after), 1)


async def test_a_restore_ends_a_running_watch(store):
    append(store, Lane.LIVE, 1)
    stream = Watches(store.database, store.changelog).watch(origin(store))
    await take(stream, 1)
    await store.database.write(store.changelog.new_epoch)
    with pytest.raises(HistoryGone):
        await take(stream, 2)


@pytest.mark.postgres
async def test_what_another_process_commits_is_noticed(postgres_url):
    here, elsewhere = ToyStore.open(postgres_url), ToyStore.open(postgres_url)
    stream = Watches(here.database, here.changelog, heartbeat_s=30).watch(origin(here))
    await take(stream, 1)
    await asyncio.to_thread(append, elsewhere, Lane.LIVE, 2)
    assert positions(await take(stream, 1, timeout_s=5)) == [1, 2]
    await stream.aclose()
    await asyncio.gather(here.database.close(), elsewhere.database.close())


def apply_left(connection, changelog, lane, position, consequences):
    """What a sink does: the left service's `position` in `lane`, with what follows from it."""
    advance(connection, "left", lane, Revision("left", LEFT_EPOCH).at(lane, position), ())
    entries = [Entry("item", "t1", f"{lane.name}:{position}".encode())] * consequences
    if entries:
        changelog.append(connection, lane, entries)


def check_promises(batches, consequences):
    """Whenever a batch promises the left service up to p in a lane, all that follows from p and before was
    sent."""
    sent = dict.fromkeys(consequences, 0)
    promised = 0
    for batch in batches:
        for entry in batch.entries:
            lane, position = entry.payload.decode().split(":")
            sent[Lane[lane], int(position)] += 1
        for upstream in batch.progress.upstream:
            for lane in Lane:
                for position in range(1, upstream.position(lane) + 1):
                    expected = consequences.get((lane, position), 0)
                    assert sent.get((lane, position), 0) == expected, (lane, position, batch.progress)
                    promised += 1
    return promised


steps = st.lists(st.tuples(st.sampled_from(list(Lane)), st.integers(0, 3)), min_size=1, max_size=25)


@given(
    steps=steps,
    reads=st.lists(st.integers(0, 3), min_size=25, max_size=25),
    page_size=st.integers(1, 4),
    watched=st.sampled_from([tuple(Lane), (Lane.LIVE,), (Lane.BULK,)]),
)
def test_a_promise_is_never_made_before_its_consequences(tmp_path_factory, steps, reads, page_size, watched):
    """Random writes between random reads, pages smaller than the backlog: every promise holds, and the end
    is promised."""
    url = f"sqlite:///{tmp_path_factory.mktemp('watch')}/store.db"
    store = ToyStore.open(url, sources={"left": ("left",)}, synchronous="NORMAL")
    changelog = SmallPages(page_size)
    consequences, last = {}, dict.fromkeys(Lane, 0)
    batches = []

    async def run():
        stream = Watches(store.database, changelog, heartbeat_s=0.002).watch(origin(store), lanes=watched)
        for (lane, count), read_count in zip(steps, reads, strict=False):
            last[lane] += 1
            consequences[lane, last[lane]] = count
            await store.database.write(apply_left, store.changelog, lane, last[lane], count)
            for _ in range(read_count):
                batches.append(await anext(stream))
        expected = sum(n for (lane, _), n in consequences.items() if lane in watched)
        batches.extend(await take_until(stream, lambda more: len(positions(batches + more)) >= expected))
        batches.extend(await take(stream, 3))
        await stream.aclose()
        await store.database.close()

    asyncio.run(run())
    check_promises(batches, consequences)
    final = {
        (upstream.service, lane): Point(upstream.epoch, upstream.position(lane))
        for upstream in batches[-1].progress.upstream
        for lane in watched
    }
    for lane in watched:
        if last[lane]:
            assert final["left", lane] == Point(LEFT_EPOCH, last[lane])


class SmallPages(Changelog):
    """Pages of a few entries, so that a backlog takes several."""

    def __init__(self, size):
        super().__init__("toy", sources={"left": ("left",)})
        self._size = size

    def page(self, connection, lane, after, **options):
        return super().page(connection, lane, after, **{**options, "limit": self._size})


async def test_a_reader_that_never_catches_up_still_gets_promises(store):
    """More is written with each page than a page holds."""
    stream = Watches(store.database, SmallPages(2)).watch(origin(store), lanes=[Lane.LIVE])
    consequences, batches = {}, []
    for position in range(1, 41):
        consequences[Lane.LIVE, position] = 3
        await store.database.write(apply_left, store.changelog, Lane.LIVE, position, 3)
        batches += await take(stream, 1)
    await stream.aclose()
    assert len(positions(batches)) < 120, "it is behind"
    assert check_promises(batches, consequences) > 0
    assert batches[-1].progress.upstream[0].live >= 10


async def test_promises_hold_while_threads_write(store):
    """The same with real threads on both dialects; a busy lane still gets its promises."""
    store.database.write_now(reset, "left", Revision("left", LEFT_EPOCH), ())
    consequences = {}
    stop = threading.Event()

    def write(lane, seed):
        chance = random.Random(seed)
        position = 0
        while not stop.is_set() and position < 150:
            position += 1
            consequences[lane, position] = count = chance.randint(0, 5)
            store.database.write_now(apply_left, store.changelog, lane, position, count)

    threads = [threading.Thread(target=write, args=(lane, int(lane))) for lane in Lane]
    watches = Watches(store.database, SmallPages(7), heartbeat_s=0.05)
    stream = watches.watch(origin(store))
    for thread in threads:
        thread.start()

    def complete(batches):
        return batches and [(u.live, u.bulk) for u in batches[-1].progress.upstream] == [(150, 150)]

    batches = await take_until(stream, complete, timeout_s=60)
    stop.set()
    for thread in threads:
        thread.join()
    await stream.aclose()
    assert check_promises(batches, consequences) > 0
    assert len(positions(batches)) == sum(consequences.values())
    early = [b for b in batches if any(u.live or u.bulk for u in b.progress.upstream)]
    assert len(early) > 10, "promises are made while the lanes are busy"
