"""Writes that wait share a commit on SQLite; each still stands or falls alone."""

import asyncio
import threading
from contextvars import ContextVar

import pytest
from servicekit.database import Database
from servicekit.driver_sql import execute
from sqlalchemy import event
from sqlalchemy.exc import IntegrityError


@pytest.fixture
def database(sqlite_url):
    opened = Database.open(sqlite_url)
    opened.write_now(lambda c: execute(c, "CREATE TABLE parents (n INTEGER PRIMARY KEY)"))
    opened.write_now(
        lambda c: execute(c, "CREATE TABLE numbers (n INTEGER PRIMARY KEY, p INTEGER REFERENCES parents (n))")
    )
    yield opened
    opened.close_now()


@pytest.fixture
def commits(database):
    counted = []
    event.listen(database._writer, "commit", lambda connection: counted.append(1))
    return counted


def insert(connection, number, parent=None):
    execute(connection, "INSERT INTO numbers (n, p) VALUES (?, ?)", (number, parent))
    return number


def numbers(database):
    return [n for (n,) in database.read_now(lambda c: execute(c, "SELECT n FROM numbers ORDER BY n").all())]


async def together(database, *writes):
    """Queues the writes behind one that holds the writer, so that they form one group."""
    release = threading.Event()
    held = asyncio.ensure_future(database.write(lambda c: release.wait(10)))
    await asyncio.sleep(0.01)
    waiting = [asyncio.ensure_future(database.write(write)) for write in writes]
    await asyncio.sleep(0.01)
    release.set()
    assert await held
    return await asyncio.gather(*waiting, return_exceptions=True)


async def test_writes_that_wait_share_a_commit(database, commits):
    answers = await together(database, *(lambda c, n=n: insert(c, n) for n in range(20)))
    assert answers == list(range(20))
    assert numbers(database) == list(range(20))
    assert len(commits) <= 4, "the holder's, and the group's (two or three when the machine is slow)"


async def test_one_that_fails_fails_alone(database):
    def fail(connection):
        insert(connection, 99)
        raise KeyError("no")

    answers = await together(
        database, lambda c: insert(c, 1), fail, lambda c: insert(c, 1), lambda c: insert(c, 2)
    )
    assert answers[0] == 1
    assert isinstance(answers[1], KeyError)
    assert isinstance(answers[2], IntegrityError)
    assert answers[3] == 2
    assert numbers(database) == [1, 2]


async def test_one_that_breaks_the_commit_breaks_only_its_own(database):
    def defer(connection):
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        return insert(connection, 7, parent=404)

    answers = await together(database, lambda c: insert(c, 1), defer, lambda c: insert(c, 2))
    assert (answers[0], answers[2]) == (1, 2)
    assert isinstance(answers[1], IntegrityError)
    assert numbers(database) == [1, 2]


async def test_one_that_ends_the_transaction_does_not_take_the_others_with_it(database):
    runs = []

    def roll_back(connection):
        runs.append(1)
        if len(runs) == 1:
            connection.exec_driver_sql("ROLLBACK")
            raise KeyError("no")
        return insert(connection, 3)

    answers = await together(database, lambda c: insert(c, 1), roll_back, lambda c: insert(c, 2))
    assert answers == [1, 3, 2]
    assert numbers(database) == [1, 2, 3]


async def test_a_cancelled_write_that_waited_is_not_run(database):
    release = threading.Event()
    held = asyncio.ensure_future(database.write(lambda c: release.wait(10)))
    await asyncio.sleep(0.01)
    waiting = [asyncio.ensure_future(database.write(insert, n)) for n in range(3)]
    await asyncio.sleep(0.01)
    waiting[1].cancel()
    await asyncio.sleep(0.01)
    release.set()
    await asyncio.gather(held, *waiting, return_exceptions=True)
    assert numbers(database) == [0, 2]


async def test_each_runs_in_its_callers_context(database):
    name = ContextVar("name")

    async def caller(number):
        name.set(number)
        return await database.write(lambda c: name.get())

    assert await asyncio.gather(*(caller(n) for n in range(10))) == list(range(10))


async def test_closing_refuses_what_waits(sqlite_url):
    database = Database.open(sqlite_url)
    started, release = threading.Event(), threading.Event()

    def hold(connection):
        started.set()
        return release.wait(10)

    held = asyncio.ensure_future(database.write(hold))
    await asyncio.to_thread(started.wait, 10)
    waiting = asyncio.ensure_future(database.write(hold))
    await asyncio.sleep(0.01)
    closing = asyncio.ensure_future(database.close())
    await asyncio.sleep(0.01)
    release.set()
    await closing
    assert await held
    with pytest.raises(asyncio.CancelledError):
        await waiting
