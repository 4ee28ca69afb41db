"""The consumer loop over real watches: bootstrap, history gone, restore, failures, bounds, lanes,
cancellation."""

import asyncio
from contextlib import aclosing

import pytest
from servicekit.consumer import Consumer
from servicekit.driver_sql import execute
from servicekit.inbox import MERGED_CHANGES, QUEUED_BATCHES, QUEUED_CHANGES, Batch, Inbox
from servicekit.progress import Progress
from servicekit.retention import trim
from servicekit.revision import Lane, Revision
from servicekit.telemetry.metrics import consumer_readings, report
from servicekit.testing.servers import serving
from toy import ToyServicer, ToySink, ToyStore, consuming, toy_service, toy_source

EPOCH = "6a00000000000000"


@pytest.fixture
def left(database_url):
    opened = ToyStore.open(database_url)
    yield opened
    opened.database.close_now()


@pytest.fixture
def right(tmp_path):
    opened = ToyStore.open(f"sqlite:///{tmp_path}/right.db", "right", {"toy": ("toy",)})
    yield opened
    opened.database.close_now()


def put(store, pairs, lane=Lane.LIVE):
    return store.database.write_now(store.put, "t1", lane, pairs)


async def until(check, timeout_s=20):
    async with asyncio.timeout(timeout_s):
        while not check():  # noqa: ASYNC110  # the store is what is asked
            await asyncio.sleep(0.01)


def equal(left, right):
    return left.database.read_now(left.all_items) == right.database.read_now(right.all_items)


def toy_consumer(server, right, **options):
    sink = ToySink(right, "toy", "toy")
    return Consumer("toy", toy_source(server.connect()), sink, first_pause_s=0.01, **options), sink


def cursor_of(right):
    rows = right.database.read_now(
        lambda c: execute(c, "SELECT lane, position FROM upstream WHERE consumer = 'toy'").all()
    )
    return {Lane(lane): position for lane, position in rows}


async def test_a_new_consumer_bootstraps_and_then_follows(left, right, tmp_path):
    put(left, [(f"old{n}", n) for n in range(700)])
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        consumer, sink = toy_consumer(server, right)
        async with consuming(consumer):
            await until(lambda: consumer.state.phase == "watching")
            assert equal(left, right)
            await asyncio.to_thread(put, left, [("new", 1)])
            await asyncio.to_thread(put, left, [("imported", 2)], Lane.BULK)
            await until(lambda: len(sink.applied) == 2)
            assert equal(left, right)
        assert consumer.state.bootstraps == 1
        assert sorted(sink.applied) == [(Lane.LIVE, 701), (Lane.BULK, 702)], "nothing is replayed from zero"


async def test_a_restarted_consumer_resumes_without_a_bootstrap(left, right, tmp_path):
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        first, _ = toy_consumer(server, right)
        async with consuming(first):
            await until(lambda: first.state.phase == "watching")
            put(left, [("a", 1)])
            await until(lambda: equal(left, right))
        put(left, [("a", 2), ("b", 3)])
        second, _ = toy_consumer(server, right)
        async with consuming(second):
            await until(lambda: equal(left, right))
        assert second.state.bootstraps == 0


async def test_a_consumer_stopped_past_the_retention_bootstraps_and_ends_equal(left, right, tmp_path):
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        first, _ = toy_consumer(server, right)
        async with consuming(first):
            await until(lambda: first.state.phase == "watching")
            put(left, [("kept", 1), ("removed", 1)])
            await until(lambda: equal(left, right))
        before = right.database.read_now(right.changelog.head)
        put(left, [("kept", 2), ("new", 3)])
        left.database.write_now(lambda c: execute(c, "DELETE FROM items WHERE name = 'removed'"))
        left.database.write_now(trim, left.changelog, keep_after_machine_time_ms=2**60)
        second, _ = toy_consumer(server, right)
        async with consuming(second):
            await until(lambda: second.state.bootstraps == 1 and second.state.phase == "watching")
            assert equal(left, right)
        after = right.database.read_now(right.changelog.head)
        assert after.epoch > before.epoch, "those to the right bootstrap in turn"


async def test_a_restore_of_the_left_store_is_followed(left, right, tmp_path):
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        consumer, _ = toy_consumer(server, right)
        async with consuming(consumer):
            await until(lambda: consumer.state.phase == "watching")
            put(left, [("a", 1)])
            put(left, [("a", 2), ("lost", 1)])
            await until(lambda: equal(left, right))

            def restore(connection):
                """As of the first write: the second is undone, positions went back."""
                execute(connection, "DELETE FROM items WHERE name = 'lost'")
                execute(connection, "UPDATE items SET value = 1, version = 1")
                execute(connection, "DELETE FROM changelog WHERE position > 1")
                execute(connection, "UPDATE changelog_head SET position = 1, live_position = 1")
                left.changelog.new_epoch(connection)

            left.database.write_now(restore)
            await until(lambda: consumer.state.bootstraps == 2)
            assert equal(left, right)
            put(left, [("a", 3)])
            await until(lambda: equal(left, right))


async def test_a_store_restored_without_a_new_epoch_is_noticed_too(left, right, tmp_path):
    """A cursor beyond the end can only mean that."""
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        first, _ = toy_consumer(server, right)
        async with consuming(first):
            await until(lambda: first.state.phase == "watching")
            put(left, [("a", 1)])
            put(left, [("b", 1)])
            await until(lambda: equal(left, right))

        def rewind(connection):
            execute(connection, "DELETE FROM items WHERE name = 'b'")
            execute(connection, "DELETE FROM changelog WHERE position > 1")
            execute(connection, "UPDATE changelog_head SET position = 1, live_position = 1")

        left.database.write_now(rewind)
        second, _ = toy_consumer(server, right)
        async with consuming(second):
            await until(lambda: second.state.bootstraps == 1 and equal(left, right))
        assert cursor_of(right) == {Lane.LIVE: 1, Lane.BULK: 1}


async def test_the_left_service_may_go_away_and_come_back(left, right, tmp_path):
    put(left, [("a", 1)])
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        port = server.port
        consumer, _ = toy_consumer(server, right)
        assert not consumer.state.is_following()
        task = asyncio.ensure_future(consumer.run())
        await until(consumer.state.is_following)
        await until(lambda: consumer.state.phase == "watching")
    await until(lambda: consumer.state.failures > 0)
    put(left, [("a", 2)])
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    async with serving([toy_service(ToyServicer(left))], tmp_path, port=port) as server:
        consumer, _ = toy_consumer(server, right)
        async with consuming(consumer):
            await until(lambda: equal(left, right))
    assert consumer.state.bootstraps == 0


class ScriptedSource:
    """A source that says exactly what a test wants; `read` counts what was taken of each lane."""

    service = "toy"

    def __init__(self, lanes, bootstraps=()):
        self.lanes, self.bootstraps = lanes, list(bootstraps)
        self.read = dict.fromkeys(Lane, 0)
        self.closed = 0

    async def watch(self, after, lane):
        try:
            for count in self.lanes.get(lane, []):
                self.read[lane] += 1
                position = after.position(lane) + self.read[lane]
                through = Revision("toy", EPOCH).at(lane, position)
                yield Batch(lane, [(lane, self.read[lane])] * count, Progress(through))
            await asyncio.sleep(3600)
        finally:
            self.closed += 1

    async def bootstrap(self):
        for item in self.bootstraps.pop(0):
            yield item


class RecordingSink:
    """A sink that remembers; `hold` makes it slow, `fail` makes the next applies fail."""

    def __init__(self, cursor=None):
        self.cursor, self.applied, self.chunks = cursor, [], []
        self.hold, self.fail = None, 0
        self.takes_s = 0.0

    async def load_cursor(self):
        return self.cursor

    async def begin_bootstrap(self):
        self.cursor = None
        self.chunks.clear()

    async def apply_bootstrap_chunk(self, chunk):
        self.chunks.append(chunk)

    async def finish_bootstrap(self, progress):
        self.cursor = progress.through

    async def apply(self, batch):
        if self.fail:
            self.fail -= 1
            raise OSError("disk")
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(self.takes_s)
        self.applied.append(batch)


ORIGIN = Revision("toy", EPOCH)


async def test_a_slow_sink_holds_a_bounded_number_of_batches():
    source = ScriptedSource({Lane.LIVE: [500] * 100, Lane.BULK: [500] * 100})
    sink = RecordingSink(ORIGIN)
    sink.hold = asyncio.Event()
    async with consuming(Consumer("toy", source, sink)):
        await asyncio.sleep(0.1)
        limit = QUEUED_CHANGES // 500 + MERGED_CHANGES // 500 + 1
        assert all(count <= limit for count in source.read.values()), source.read
        sink.hold.set()
        await until(lambda: source.read[Lane.LIVE] == source.read[Lane.BULK] == 100)
    assert source.closed == 2, "streams are closed when the consumer stops"


async def test_live_is_applied_first_and_bulk_gets_a_tenth():
    source = ScriptedSource({Lane.LIVE: [MERGED_CHANGES] * 100, Lane.BULK: [MERGED_CHANGES] * 100})
    sink = RecordingSink(ORIGIN)
    sink.takes_s = 0.001
    async with consuming(Consumer("toy", source, sink)):
        await until(lambda: len(sink.applied) == 200)
    order = [batch.lane for batch in sink.applied]
    while_both = order[:100]
    assert while_both.count(Lane.BULK) == pytest.approx(10, abs=2)
    for lane in Lane:
        marks = [batch.changes[0][1] for batch in sink.applied if batch.lane is lane]
        assert marks == list(range(1, 101)), "in order within a lane"


async def test_bulk_is_not_merged_while_live_flows():
    """As live would wait for the commit of all of it."""
    source = ScriptedSource({Lane.LIVE: [MERGED_CHANGES] * 20, Lane.BULK: [100] * 30})
    sink = RecordingSink(ORIGIN)
    sink.takes_s = 0.001
    async with consuming(Consumer("toy", source, sink)):
        await until(lambda: sum(len(batch.changes) for batch in sink.applied) == 20 * MERGED_CHANGES + 3_000)
    order = [batch.lane for batch in sink.applied]
    live = [place for place, lane in enumerate(order) if lane is Lane.LIVE]
    between = sink.applied[live[0] : live[-1]]
    beside = [len(batch.changes) for batch in between if batch.lane is Lane.BULK]
    assert beside
    assert set(beside) == {100}
    assert len(order) < 50, "what is left when live rests is merged"


async def test_waiting_batches_are_applied_as_one():
    source = ScriptedSource({Lane.LIVE: [100] * 4})
    sink = RecordingSink(ORIGIN)
    sink.hold = asyncio.Event()
    async with consuming(Consumer("toy", source, sink)):
        await asyncio.sleep(0.05)
        sink.hold.set()
        await until(lambda: sum(len(batch.changes) for batch in sink.applied) == 400)
    assert len(sink.applied) <= 2
    assert sink.applied[-1].progress.through.live == 4


async def test_many_small_batches_wait_and_are_applied_as_one():
    source = ScriptedSource({Lane.LIVE: [10] * 200})
    sink = RecordingSink(ORIGIN)
    sink.hold = asyncio.Event()
    async with consuming(Consumer("toy", source, sink)):
        await until(lambda: source.read[Lane.LIVE] > QUEUED_BATCHES)
        await asyncio.sleep(0.05)
        limit = 2 * QUEUED_BATCHES + 1
        assert source.read[Lane.LIVE] <= limit, "some are applied, as many wait, and one waits for room"
        sink.hold.set()
        await until(lambda: sum(len(batch.changes) for batch in sink.applied) == 2_000)
    assert max(len(batch.changes) for batch in sink.applied) == 10 * QUEUED_BATCHES


async def test_live_changes_wait_for_each_other_and_bulk_for_none_of_them():
    def batch(lane, count):
        return Batch(lane, range(count), Progress(ORIGIN))

    inbox, in_an_hour = Inbox(), asyncio.get_running_loop().time() + 3_600
    await inbox.put(batch(Lane.LIVE, 1))
    await inbox.put(batch(Lane.BULK, 3))
    assert (await inbox.take(in_an_hour)).lane is Lane.BULK
    taking = asyncio.ensure_future(inbox.take(in_an_hour))
    await asyncio.sleep(0)
    await inbox.put(batch(Lane.LIVE, QUEUED_CHANGES - 2))
    assert not taking.done()
    await inbox.put(batch(Lane.LIVE, 1))
    assert len((await taking).changes) == QUEUED_CHANGES
    await inbox.put(batch(Lane.LIVE, 1))
    assert len((await inbox.take(asyncio.get_running_loop().time() + 0.01)).changes) == 1


async def test_a_failing_sink_is_tried_again_from_the_stored_cursor():
    source = ScriptedSource({Lane.LIVE: [1]})
    sink = RecordingSink(ORIGIN)
    sink.fail = 3
    consumer = Consumer("toy", source, sink, first_pause_s=0.001)
    async with consuming(consumer):
        source.lanes[Lane.LIVE] = [1] * 50
        await until(lambda: sink.applied)
    assert consumer.state.failures == 3
    assert consumer.state.last_failure == "OSError"


async def test_a_silent_stream_is_taken_for_dead():
    source = ScriptedSource({})
    consumer = Consumer("toy", source, RecordingSink(ORIGIN), first_pause_s=0.001, stall_s=0.02)
    async with consuming(consumer):
        await until(lambda: consumer.state.failures >= 2)
    assert consumer.state.last_failure == "TimeoutError"


class BreakingSource(ScriptedSource):
    """Its streams answer a cancellation with a failure, as a connection does that breaks at that moment."""

    async def watch(self, after, lane):
        try:
            await asyncio.Event().wait()
            yield
        except asyncio.CancelledError:
            raise OSError("broken") from None


async def test_a_failure_does_not_hide_a_cancellation():
    consumer = Consumer("toy", BreakingSource({}), RecordingSink(ORIGIN), first_pause_s=0.001)
    running = asyncio.ensure_future(consumer.run())
    await until(lambda: consumer.state.phase == "watching")
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    running.cancel()
    done, _ = await asyncio.wait([running], timeout=5)
    assert done
    assert running.cancelled()


async def test_a_bootstrap_that_breaks_off_begins_again():
    progress = Progress(Revision("toy", EPOCH, 7, 7))
    source = ScriptedSource({}, [["half"], ["one", "two", progress]])
    sink = RecordingSink()
    consumer = Consumer("toy", source, sink, first_pause_s=0.001)
    async with consuming(consumer):
        await until(lambda: sink.cursor is not None)
    assert sink.chunks == ["one", "two"]
    assert sink.cursor == progress.through
    assert (consumer.state.failures, consumer.state.bootstraps) == (1, 1)


async def test_a_consumer_reports_its_readings(capsys):
    source = ScriptedSource({Lane.LIVE: [3], Lane.BULK: [0]})
    consumer = Consumer("toy", source, RecordingSink(ORIGIN))
    async with consuming(consumer):
        await until(lambda: consumer.state.batches == 2)
        readings = {reading.metric.name: reading for reading in consumer_readings(consumer)}
    assert readings["huaxiang.consumer.applied"].value == 3
    assert readings["huaxiang.consumer.failures"].value == 0
    assert 0 <= readings["huaxiang.consumer.lag"].value < 5
    reporting = asyncio.ensure_future(report([lambda: consumer_readings(consumer)], interval_s=0.01))
    await asyncio.sleep(0.05)
    reporting.cancel()
    assert "huaxiang.consumer.applied" in capsys.readouterr().out


async def test_cancelling_ends_the_consumer_and_its_streams():
    source = ScriptedSource({Lane.LIVE: [1]})
    task = asyncio.ensure_future(Consumer("toy", source, RecordingSink(ORIGIN)).run())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert source.closed == 2


async def test_closing_a_grpc_source_cancels_its_call(left, tmp_path):
    async with serving([toy_service(ToyServicer(left))], tmp_path) as server:
        origin = Revision("toy", left.database.read_now(left.changelog.head).epoch)
        async with aclosing(toy_source(server.connect()).watch(origin, Lane.LIVE)) as batches:
            await anext(batches)
