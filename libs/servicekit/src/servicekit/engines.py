"""SQLAlchemy engines for one store: to write, to read, and to stream snapshots, on either dialect."""

import sqlite3
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import URL, Engine, create_engine, event
from sqlalchemy.pool import QueuePool

from servicekit.checkpoints import LOG_PAGES

BUSY_TIMEOUT_MS = 5_000
LOCK_TIMEOUT_MS = 5_000
POOL_TIMEOUT_S = 30.0
SQLITE_READERS = 4
IN_THREAD_READERS = 8
"""Reading connections beyond those of the reading threads: so many may read in threads of their own (`read_now`), the
event loop among them, without waiting behind a queue of reads."""
MAX_STREAMS = 4
POSTGRES_CONNECTIONS = 8
"""Connections for writing, and as many for the reading threads, at most."""
SQLITE_WRITER_CACHE_KIB = 64 * 1024
"""Pages that the writing connection keeps in memory, at most; SQLite's own default of 2 MB is less than one batch of
a busy front door touches."""
SQLITE_STATEMENTS = 512
"""Prepared statements that a connection keeps."""


class Engines(NamedTuple):
    """`snapshots` has connections of its own, so that long streams never starve short reads."""

    writer: Engine
    reader: Engine
    snapshots: Engine


def sqlite_engines(url: URL, synchronous: str) -> Engines:
    """WAL, foreign keys on, one writing connection that begins IMMEDIATE; readers cannot write. What is deleted is
    overwritten, whatever this SQLite was built with: erased data must not stay in free pages."""
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
            connect_args={
                "check_same_thread": False,
                "timeout": BUSY_TIMEOUT_MS / 1000,
                "cached_statements": SQLITE_STATEMENTS,
            },
        )

        def connect(connection: sqlite3.Connection, _: object) -> None:
            connection.isolation_level = None  # the driver must not begin transactions of its own
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")

        event.listen(made, "connect", connect)
        event.listen(made, "begin", lambda connection: connection.exec_driver_sql(begin))
        return made

    shared = (f"busy_timeout={BUSY_TIMEOUT_MS}", "foreign_keys=ON", "temp_store=MEMORY", "secure_delete=ON")
    cache = f"cache_size=-{SQLITE_WRITER_CACHE_KIB}"
    log = f"wal_autocheckpoint={LOG_PAGES}"
    journal = ("journal_mode=WAL", f"synchronous={synchronous}", log)
    writer = engine("BEGIN IMMEDIATE", 1, (*journal, cache, *shared))
    reader = engine("BEGIN", SQLITE_READERS + IN_THREAD_READERS, (*shared, "query_only=ON"))
    snapshots = engine("BEGIN", MAX_STREAMS, (*shared, "query_only=ON"))
    return Engines(writer, reader, snapshots)


def postgres_engines(url: URL, statement_timeout_ms: int) -> Engines:
    """Writers READ COMMITTED, readers REPEATABLE READ and read only, with time-outs for statements and
    locks."""
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
    reader = engine(POSTGRES_CONNECTIONS + IN_THREAD_READERS, **snapshot)
    return Engines(writer, reader, engine(MAX_STREAMS, **snapshot))
