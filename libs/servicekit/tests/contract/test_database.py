"""Transactions on both dialects: rollback, snapshots, bounded queues, lost races, streams."""

import asyncio
import threading

import pytest
import sqlalchemy as sa
from servicekit.database import MAX_STREAMS, Database, DatabaseBusy
from servicekit.driver_sql import execute, execute_many
from servicekit.engines import POSTGRES_CONNECTIONS, SQLITE_READERS
from servicekit.errors import QueueFull
from sqlalchemy.exc import DBAPIError, IntegrityError
from toy import ToyStore


@pytest.fixture
def database(database_url):
    opened = Database.open(database_url, queued_writes=3)
    opened.write_now(lambda c: execute(c, "CREATE TABLE numbers (n BIGINT PRIMARY KEY)"))
    yield opened
    opened.close_now()


def insert(connection, *numbers):
    execute_many(connection, "INSERT INTO numbers (n) VALUES (?)", [(n,) for n in numbers])


def numbers(connection):
    return [n for (n,) in execute(connection, "SELECT n FROM numbers ORDER BY n").all()]


async def test_a_write_commits_and_a_failed_one_rolls_back(database):
    await database.write(insert, 1, 2)

    def fail(connection):
        insert(connection, 3)
        raise KeyError("no")

    with pytest.raises(KeyError):
        await database.write(fail)
    assert await database.read(numbers) == [1, 2]


async def test_a_read_is_one_snapshot_and_cannot_write(database):
    await database.write(insert, 1)
    inside, written = threading.Event(), threading.Event()

    def read_twice(connection):
        first = numbers(connection)
        inside.set()
        assert written.wait(10)
        return first, numbers(connection)

    reading = asyncio.ensure_future(database.read(read_twice))
    await asyncio.to_thread(inside.wait, 10)
    await database.write(insert, 2)
    written.set()
    assert await reading == ([1], [1])
    with pytest.raises(sa.exc.DBAPIError):
        await database.read(insert, 9)


async def test_who_reads_in_a_thread_of_its_own_does_not_wait_for_the_reading_threads(database):
    await database.write(insert, 1)
    waiting, go_on = threading.Semaphore(0), threading.Event()
    reading_threads = SQLITE_READERS if database.dialect == "sqlite" else POSTGRES_CONNECTIONS

    def read_slowly(connection):
        waiting.release()
        go_on.wait(20)
        return numbers(connection)

    slow = [asyncio.ensure_future(database.read(read_slowly)) for _ in range(reading_threads)]
    for _ in slow:
        await asyncio.to_thread(waiting.acquire, timeout=10)
    try:
        assert await asyncio.wait_for(asyncio.to_thread(database.read_now, numbers), 10) == [1]
    finally:
        go_on.set()
    assert await asyncio.gather(*slow) == [[1]] * reading_threads


async def test_a_full_queue_of_writes_is_refused_and_empties_again(database):
    release = threading.Event()

    def hold(connection):
        assert release.wait(10)

    held = [asyncio.ensure_future(database.write(hold)) for _ in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(QueueFull) as full:
        await database.write(insert, 1)
    assert full.value.metadata == {"queue": "writes", "limit": "3"}
    release.set()
    await asyncio.gather(*held)
    await database.write(insert, 1)
    assert await database.read(numbers) == [1]


async def test_a_commit_wakes_and_a_rollback_does_not(database):
    before = database.commits.count
    with pytest.raises(ZeroDivisionError):
        await database.write(lambda c: 1 // 0)
    assert database.commits.count == before
    waiting = asyncio.ensure_future(database.commits.wait_beyond(before, 10))
    await asyncio.sleep(0)
    await asyncio.to_thread(database.write_now, insert, 5)
    assert await waiting
    assert not await database.commits.wait_beyond(database.commits.count, 0.01)


async def test_a_stream_is_one_snapshot_and_bounded_in_number(database):
    await database.write(insert, *range(10))

    def each(connection):
        yield from numbers(connection)
        yield from numbers(connection)

    stream = database.stream(each)
    got = [await anext(stream)]
    await database.write(insert, 99)
    got += [n async for n in stream]
    assert got == [*range(10), *range(10)]
    open_streams = [database.stream(each) for _ in range(MAX_STREAMS)]
    for opened in open_streams:
        await anext(opened)
    with pytest.raises(QueueFull):
        await anext(database.stream(each))
    for opened in open_streams:
        await opened.aclose()
    again = database.stream(each)
    assert await anext(again) == 0
    await again.aclose()


async def test_a_stream_that_is_left_closes_after_its_running_step(database):
    """The step runs on in its thread: its connection must not serve another stream meanwhile."""
    began, go_on = threading.Event(), threading.Event()
    seen = []

    def steps(connection):
        yield 1
        began.set()
        go_on.wait(10)
        seen.append(connection.exec_driver_sql("SELECT 42").scalar_one())
        yield 2

    async def follow():
        async for _ in database.stream(steps):
            pass

    following = asyncio.ensure_future(follow())
    await asyncio.to_thread(began.wait, 10)
    following.cancel()
    await asyncio.sleep(0.1)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await following
    assert seen == [42]
    assert [item async for item in database.stream(lambda _: iter([3]))] == [3]


async def test_an_error_in_a_stream_passes_and_frees_its_place(database):
    def fail(connection):
        yield 1
        raise KeyError("no")

    for _ in range(MAX_STREAMS + 1):
        with pytest.raises(KeyError):
            _ = [item async for item in database.stream(fail)]


@pytest.fixture
def postgres(postgres_url):
    opened = ToyStore.open(postgres_url)
    yield opened.database
    opened.database.close_now()


@pytest.mark.postgres
async def test_writes_that_deadlock_are_run_again(postgres):
    database = postgres
    database.write_now(lambda c: execute(c, "CREATE TABLE rows (n INT PRIMARY KEY, v INT)"))
    database.write_now(lambda c: execute_many(c, "INSERT INTO rows VALUES (?, 0)", [(1,), (2,)]))
    barrier = threading.Barrier(2)
    runs = []

    def update(connection, first, second):
        runs.append(first)
        execute(connection, "UPDATE rows SET v = v + 1 WHERE n = ?", (first,))
        if len(runs) <= 2:
            barrier.wait(10)
        execute(connection, "UPDATE rows SET v = v + 1 WHERE n = ?", (second,))

    await asyncio.gather(database.write(update, 1, 2), database.write(update, 2, 1))
    assert len(runs) >= 3, "one of the two lost and was run again"
    values = await database.read(lambda c: execute(c, "SELECT v FROM rows").all())
    assert [v for (v,) in values] == [2, 2]


@pytest.mark.postgres
async def test_a_write_whose_connection_is_cut_is_busy_and_the_next_has_another_connection(postgres):
    def cut(connection):
        execute(connection, "SELECT pg_terminate_backend(pg_backend_pid())").all()
        execute(connection, "SELECT 42")

    with pytest.raises(DatabaseBusy):
        await postgres.write(cut)
    assert await postgres.write(lambda c: execute(c, "SELECT 42").scalar_one()) == 42


async def test_an_error_of_the_driver_is_sqlalchemy_s_and_tells_no_parameters(database):
    with pytest.raises(IntegrityError) as refused:
        await database.write(lambda c: execute_many(c, "INSERT INTO numbers (n) VALUES (?)", [(4711,)] * 2))
    assert "4711" not in str(refused.value).split("DETAIL")[0]
    with pytest.raises(DBAPIError, match="no_such_table"):
        await database.read(lambda c: execute(c, "SELECT 1 FROM no_such_table").all())
    assert await database.read(numbers) == []


async def test_a_locked_sqlite_file_is_busy_after_the_last_try(sqlite_url, monkeypatch):
    monkeypatch.setattr("servicekit.engines.BUSY_TIMEOUT_MS", 1)
    monkeypatch.setattr("servicekit.database.FIRST_PAUSE_S", 0.001)
    one, other = Database.open(sqlite_url), Database.open(sqlite_url)
    one.write_now(lambda c: execute(c, "CREATE TABLE numbers (n BIGINT PRIMARY KEY)"))
    held, release = threading.Event(), threading.Event()

    def hold(connection):
        held.set()
        assert release.wait(10)

    holding = asyncio.ensure_future(one.write(hold))
    await asyncio.to_thread(held.wait, 10)
    with pytest.raises(DatabaseBusy):
        await other.write(insert, 1)
    release.set()
    await holding
    await other.write(insert, 1)
    await asyncio.gather(one.close(), other.close())


def test_acknowledged_sqlite_writes_are_synced(sqlite_url):
    def synchronous(connection):
        mode = connection.exec_driver_sql("PRAGMA synchronous").scalar_one()
        return mode, connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()

    full, normal = Database.open(sqlite_url), Database.open(sqlite_url, synchronous="NORMAL")
    assert full.write_now(synchronous) == (2, "wal")
    assert normal.write_now(synchronous) == (1, "wal")
    full.close_now()
    normal.close_now()


def test_other_urls_are_refused():
    for url in ("mysql://x/y", "sqlite://", "sqlite:///:memory:"):
        with pytest.raises(ValueError, match="sqlite"):
            Database.open(url)
