"""One store behind two dialects: synchronous SQLAlchemy Core in threads, transactions as functions.

`write` runs a function in one transaction, `read` in one read-only snapshot; both hand it a Connection. On
SQLite one thread with one connection writes and a few read; on Postgres both have a pool. A write that lost
against another (serialization, deadlock, lock time-out, "database is locked") is rolled back and run again,
a bounded number of times, so functions given to `write` must have no effect outside their connection.
"""

import asyncio
import contextvars
import functools
import random
import sqlite3
import time
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any, Concatenate, Literal, NamedTuple, ParamSpec, TypeVar, cast

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import QueuePool

from servicekit.commits import Commits
from servicekit.errors import QueueFull, Unavailable

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
_END = object()

MAX_TRIES = 6
"""How often a write that lost against another is run in all; about 0.4 s of pauses between the tries."""
FIRST_PAUSE_S = 0.01
QUEUED_WRITES = 1_000
"""Writes that wait or run, at most, by default; the next one gets QUEUE_FULL."""
BUSY_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 5_000
STATEMENT_TIMEOUT_MS = 30_000
POOL_TIMEOUT_S = 30.0
SQLITE_READERS = 4
MAX_STREAMS = 4
POSTGRES_CONNECTIONS = 8
"""Connections for writing, and as many for reading, at most."""
_RETRIED_SQLSTATES = frozenset({"40001", "40P01", "55P03"})


class DatabaseBusy(Unavailable):
    """Every try of a write lost against another, or its connection broke: repeat the call."""


class Database:
    """Owns the engines and threads of one store. Close it; safe to use from one event loop and any
    threads."""

    def __init__(self, engines: "_Engines", writers: int, readers: int, queued_writes: int) -> None:
        self.dialect: Literal["sqlite", "postgresql"] = (
            "sqlite" if engines.writer.dialect.name == "sqlite" else "postgresql"
        )
        self.commits = Commits()
        self._writer = engines.writer
        self._reader = engines.reader
        self._snapshots = engines.snapshots
        self._write_threads = ThreadPoolExecutor(writers, thread_name_prefix="store-write")
        self._read_threads = ThreadPoolExecutor(readers, thread_name_prefix="store-read")
        self._stream_threads = ThreadPoolExecutor(MAX_STREAMS, thread_name_prefix="store-stream")
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
    ) -> "Database":
        """Opens `sqlite:///<path>` (the folder is made) or `postgresql://...`.

        `synchronous` is SQLite's: with NORMAL a power cut may lose the last acknowledged writes. Raises
        ValueError for another kind of URL; a Postgres that cannot be reached shows at the first use.
        """
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            return cls(_sqlite_engines(parsed, synchronous), 1, SQLITE_READERS, queued_writes)
        if parsed.get_backend_name() == "postgresql":
            engines = _postgres_engines(parsed, statement_timeout_ms)
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
        return await self._run(self._submit_write(functools.partial(self.write_now, fn, *args, **kwargs)))

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
        for attempt in range(MAX_TRIES):
            try:
                with self._writer.connect() as connection:
                    with connection.begin():
                        result = fn(connection, *args, **kwargs)
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
        with self._reader.connect() as connection, connection.begin():
            return fn(connection, *args, **kwargs)

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

        async def in_thread(work: Callable[[], R]) -> R:
            return await self._run(self._stream_threads.submit(context.run, work))

        try:
            connection = await in_thread(self._snapshots.connect)
            try:
                transaction = await in_thread(connection.begin)
                items = fn(connection, *args, **kwargs)
                while (item := await in_thread(lambda: next(items, _END))) is not _END:
                    yield cast(T, item)
                await in_thread(transaction.rollback)
            finally:
                await asyncio.shield(in_thread(connection.close))
        finally:
            self._streams -= 1

    async def close(self) -> None:
        """Waits for what runs, refuses what waits, closes every connection."""
        await asyncio.get_running_loop().run_in_executor(None, self.close_now)

    def close_now(self) -> None:
        """`close` in the calling thread."""
        self._write_threads.shutdown(wait=True, cancel_futures=True)
        self._read_threads.shutdown(wait=True, cancel_futures=True)
        self._stream_threads.shutdown(wait=True, cancel_futures=True)
        for engine in (self._snapshots, self._reader, self._writer):
            engine.dispose()

    def _submit_write(self, work: Callable[[], T]) -> "Future[T]":
        with self._pending_lock:
            if self._pending >= self._queued_writes:
                raise QueueFull("writes", self._queued_writes)
            self._pending += 1
        future = self._write_threads.submit(contextvars.copy_context().run, work)
        future.add_done_callback(self._write_done)
        return future

    def _write_done(self, _: "Future[Any]") -> None:
        with self._pending_lock:
            self._pending -= 1

    @staticmethod
    async def _run(future: "Future[T]") -> T:
        return await asyncio.wrap_future(future)


def _lost_the_race(error: DBAPIError) -> bool:
    original = error.orig
    if isinstance(original, sqlite3.OperationalError):
        return "locked" in str(original) or "busy" in str(original)
    return error.connection_invalidated or getattr(original, "sqlstate", None) in _RETRIED_SQLSTATES


class _Engines(NamedTuple):
    writer: Engine
    reader: Engine
    snapshots: Engine


def _sqlite_engines(url: URL, synchronous: str) -> _Engines:
    if not url.database or url.database == ":memory:":
        raise ValueError("an SQLite store needs a file: sqlite:///<path>")
    Path(url.database).parent.mkdir(parents=True, exist_ok=True)

    def engine(begin: str, pool_size: int, pragmas: tuple[str, ...]) -> Engine:
        made = create_engine(
            url,
            poolclass=QueuePool,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            hide_parameters=True,
            connect_args={"check_same_thread": False, "timeout": BUSY_TIMEOUT_MS / 1000},
        )

        def connect(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver must not begin transactions of its own
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        event.listen(made, "connect", connect)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql(begin))
        return made

    shared = (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "temp_store=MEMORY")
    writer = engine("BEGIN IMMEDIATE", 1, ("journal_mode=WAL", f"synchronous={synchronous}", *shared))
    reader = engine("BEGIN", SQLITE_READERS, (*shared, "query_only=ON"))
    snapshots = engine("BEGIN", MAX_STREAMS, (*shared, "query_only=ON"))
    return _Engines(writer, reader, snapshots)


def _postgres_engines(url: URL, statement_timeout_ms: int) -> _Engines:
    options = f"-c statement_timeout={statement_timeout_ms} -c lock_timeout={LOCK_TIMEOUT_MS} -c timezone=UTC"

    def engine(pool_size: int, **execution_options: Any) -> Engine:
        return create_engine(
            url.set(drivername="postgresql+psycopg"),
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=POOL_TIMEOUT_S,
            hide_parameters=True,
            connect_args={"options": options},
            execution_options=execution_options,
        )

    snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    writer = engine(POSTGRES_CONNECTIONS, isolation_level="READ COMMITTED")
    return _Engines(writer, engine(POSTGRES_CONNECTIONS, **snapshot), engine(MAX_STREAMS, **snapshot))
