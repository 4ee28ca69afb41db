"""One store behind two dialects: synchronous SQLAlchemy Core in threads, transactions as functions.

`write` runs a function in one transaction, `read` in one read-only snapshot; both hand it a Connection. On
SQLite one thread with one connection writes and a few read (writes that wait share a commit,
group_commit.py); on Postgres both have a pool. A write that lost against another (serialization, deadlock,
lock time-out, "database is locked") is rolled back and run again, a bounded number of times, so functions
given to `write` must have no effect outside their connection.
"""

import asyncio
import contextvars
import functools
import random
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from threading import Lock
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar, cast

from sqlalchemy import URL, Connection, make_url
from sqlalchemy.exc import DBAPIError, OperationalError

from servicekit.checkpoints import Checkpoints
from servicekit.commits import Commits
from servicekit.engines import (
    MAX_STREAMS,
    POSTGRES_CONNECTIONS,
    SQLITE_READERS,
    Engines,
    postgres_engines,
    sqlite_engines,
)
from servicekit.errors import QueueFull, Unavailable
from servicekit.group_commit import GroupCommit
from servicekit.hold import Hold

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
_END = object()

MAX_TRIES = 6
"""How often a write that lost against another is run in all; about 0.4 s of pauses between the tries."""
FIRST_PAUSE_S = 0.01
QUEUED_WRITES = 1_000
"""Writes that wait or run, at most, by default; the next one gets QUEUE_FULL."""
STATEMENT_TIMEOUT_MS = 30_000
_RETRIED_SQLSTATES = frozenset({"40001", "40P01", "55P03"})


class DatabaseBusy(Unavailable):
    """Every try of a write lost against another, or its connection broke: repeat the call."""


class Database:
    """Owns the engines and threads of one store. Close it; safe to use from one event loop and any
    threads."""

    def __init__(
        self,
        engines: Engines,
        writers: int,
        readers: int,
        queued_writes: int,
        hold: Hold | None = None,
        checkpoints: Callable[[Commits], Checkpoints] | None = None,
    ) -> None:
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if engines.writer.dialect.name == "sqlite" else "postgresql"
        )
        self.commits = Commits()
        self._hold = hold
        self._checkpoints = None if checkpoints is None else checkpoints(self.commits)
        self._writer = engines.writer
        self._reader = engines.reader
        self._snapshots = engines.snapshots
        self._write_threads = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._stream_threads = ThreadPoolExecutor(MAX_STREAMS, thread_name_prefix="store-stream")
        self._group = (
            GroupCommit(engines.writer, self._write_alone, self.commits) if self.dialect == "sqlite" else None
        )
        self._streams = 0
        self._queued_writes = queued_writes
        self._pending = 0
        self._pending_lock = Lock()

    @classmethod
    def open(
        cls,
        url: str,
        *,
        synchronous: Literal["FULL", "NORMAL"] = "FULL",
        queued_writes: int = QUEUED_WRITES,
        statement_timeout_ms: int = STATEMENT_TIMEOUT_MS,
        alone: bool = False,
    ) -> "Database":
        """Opens `sqlite:///<path>` (the folder is made) or `postgresql://...`.

        With `alone` no other process may open an SQLite store so until this one is closed: raises InUse.
        `synchronous` is SQLite's: with NORMAL a power cut may lose the last acknowledged writes. Raises
        ValueError for another kind of URL; a Postgres that cannot be reached shows at the first use.
        """
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engines = sqlite_engines(parsed, synchronous)
            store = Path(engines.writer.url.database or "")
            hold = Hold(store) if alone else None
            checkpoints = functools.partial(Checkpoints, store, synchronous)
            return cls(engines, 1, SQLITE_READERS, queued_writes, hold, checkpoints)
        if parsed.get_backend_name() == "postgresql":
            engines = postgres_engines(parsed, statement_timeout_ms)
            return cls(engines, POSTGRES_CONNECTIONS, POSTGRES_CONNECTIONS, queued_writes)
        raise ValueError(f"a store is sqlite:///... or postgresql://..., not {parsed.get_backend_name()}")

    @property
    def url(self) -> URL:
        """Where the store is; the password is hidden when printed."""
        return self._writer.url

    async def write(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs `fn(connection, ...)` in one transaction and returns its result after the commit.

        Raises what `fn` raises (rolled back), QueueFull when too many writes wait, DatabaseBusy after the
        last try. A cancelled call's write may still commit: every write is retry-safe by its key.
        """
        work = functools.partial(_call, fn, args, kwargs)
        return await self._run(self._submit_write(work))

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Runs `fn(connection, ...)` in one read-only snapshot: all its statements see the same state."""
        context = contextvars.copy_context()
        work = functools.partial(self.read_now, fn, *args, **kwargs)
        return await self._run(self._read_threads.submit(context.run, work))

    def write_now(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`write` in the calling thread, for tools, tests and start-up."""
        return self._write_alone(functools.partial(_call, fn, args, kwargs))

    def _write_alone(self, work: Callable[[Connection], T]) -> T:
        for attempt in range(MAX_TRIES):
            try:
                with self._writer.connect() as connection:
                    with connection.begin():
                        result = work(connection)
                    break
            except DBAPIError as error:
                if not _lost_the_race(error):
                    raise
                if error.connection_invalidated or attempt == MAX_TRIES - 1:
                    raise DatabaseBusy("the store is busy: repeat", service="database") from error
            time.sleep(FIRST_PAUSE_S * 2**attempt * random.uniform(0.5, 1.0))  # noqa: S311  # jitter
        self.commits.notify()
        return result

    def read_now(
        self, fn: Callable[Concatenate[Connection, P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """`read` in the calling thread; on SQLite a point read is cheaper here than through a thread."""
        for attempt in range(2):
            try:
                with self._reader.connect() as connection, connection.begin():
                    return fn(connection, *args, **kwargs)
            except DBAPIError as error:
                if not _unreachable(error):
                    raise
                if attempt:
                    raise DatabaseBusy("the store cannot be reached: repeat", service="database") from error
        raise AssertionError("unreachable")

    async def stream(
        self, fn: Callable[Concatenate[Connection, P], Iterator[T]], /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncGenerator[T, None]:
        """Yields what the generator `fn(connection, ...)` yields, all of it from one read-only snapshot.

        For bootstraps: the next item is made when the last was taken, so a slow reader costs no memory (on
        SQLite it keeps the log from being cut, on Postgres it holds back vacuum). Raises QueueFull when 4
        streams run.
        """
        if self._streams >= MAX_STREAMS:
            raise QueueFull("streams", MAX_STREAMS)
        self._streams += 1
        context = contextvars.copy_context()

        steps: list[Future[Any]] = []

        async def in_thread(work: Callable[[], R]) -> R:
            steps[:] = [self._stream_threads.submit(context.run, work)]
            return await self._run(steps[0])

        def close_after(running: list[Future[Any]]) -> None:
            """A cancelled reader leaves its step running in its thread: the connection is not free before."""
            wait(running)
            connection.close()

        try:
            connection = await in_thread(self._snapshots.connect)
            try:
                transaction = await in_thread(connection.begin)
                items = fn(connection, *args, **kwargs)
                while (item := await in_thread(lambda: next(items, _END))) is not _END:
                    yield cast(T, item)
                await in_thread(transaction.rollback)
            finally:
                closing = self._stream_threads.submit(close_after, [*steps])
                await asyncio.shield(self._run(closing))
        finally:
            self._streams -= 1

    async def close(self) -> None:
        """Waits for what runs, refuses what waits, closes every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self.close_now)

    def close_now(self) -> None:
        """`close` in the calling thread."""
        if self._group is not None:
            self._group.close()
        self._write_threads.shutdown(wait=True, cancel_futures=True)
        self._read_threads.shutdown(wait=True, cancel_futures=True)
        self._stream_threads.shutdown(wait=True, cancel_futures=True)
        if self._checkpoints is not None:
            self._checkpoints.close()
        for engine in (self._snapshots, self._reader, self._writer):
            engine.dispose()
        if self._hold is not None:
            self._hold.release()

    def _submit_write(self, work: Callable[[Connection], T]) -> "Future[T]":
        context = contextvars.copy_context()
        with self._pending_lock:
            if self._pending >= self._queued_writes:
                raise QueueFull("writes", self._queued_writes)
            self._pending += 1
        if self._group is not None:
            future = self._group.submit(lambda connection: context.run(work, connection))
        else:
            future = self._write_threads.submit(lambda: context.run(self._write_alone, work))
        future.add_done_callback(self._write_done)
        return future

    def _write_done(self, _: "Future[Any]") -> None:
        with self._pending_lock:
            self._pending -= 1

    @staticmethod
    async def _run(future: "Future[T]") -> T:
        return await asyncio.wrap_future(future)


def _call(fn: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any], connection: Connection) -> T:
    return fn(connection, *args, **kwargs)


def _lost_the_race(error: DBAPIError) -> bool:
    original = error.orig
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in str(original) or "busy" in str(original)
    return _unreachable(error) or getattr(original, "sqlstate", None) in _RETRIED_SQLSTATES


def _unreachable(error: DBAPIError) -> bool:
    """Postgres is not there or went away: no SQLSTATE, or one of a connection or a shutdown."""
    if isinstance(error.orig, sqlite3.Error):
        return False
    sqlstate = getattr(error.orig, "sqlstate", None)
    return error.connection_invalidated or (
        isinstance(error, OperationalError) and (sqlstate is None or sqlstate[:2] in ("08", "57"))
    )
