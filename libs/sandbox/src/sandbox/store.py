"""The sandbox's one SQLite file: effects, what providers remember, reports that still have to be pushed."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FILE_NAME = "sandbox.sqlite3"
BUSY_TIMEOUT_MS = 5_000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS effects (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL, account TEXT NOT NULL, action TEXT NOT NULL,
    address_hash TEXT NOT NULL, key TEXT NOT NULL, message_id TEXT NOT NULL, topic TEXT NOT NULL,
    marketing INTEGER NOT NULL, at_epoch_s REAL NOT NULL, machine_epoch_s REAL NOT NULL,
    request_digest TEXT NOT NULL, delivered INTEGER NOT NULL, outcome TEXT NOT NULL,
    settled_epoch_s REAL NOT NULL, text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS effects_by_address ON effects (provider, address_hash, at_epoch_s);
CREATE INDEX IF NOT EXISTS effects_by_message ON effects (provider, message_id);
CREATE TRIGGER IF NOT EXISTS effects_keep BEFORE DELETE ON effects
    BEGIN SELECT RAISE(ABORT, 'effects are append-only'); END;
CREATE TRIGGER IF NOT EXISTS effects_hold BEFORE UPDATE ON effects
    BEGIN SELECT RAISE(ABORT, 'effects are append-only'); END;
CREATE TABLE IF NOT EXISTS remembered (
    scope TEXT NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, expires_epoch_s REAL,
    PRIMARY KEY (scope, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS remembered_by_expiry ON remembered (expires_epoch_s);
CREATE TABLE IF NOT EXISTS reports (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL, account TEXT NOT NULL, kind TEXT NOT NULL,
    due_epoch_s REAL NOT NULL, attempt INTEGER NOT NULL, payload TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS reports_by_due ON reports (due_epoch_s, id);
"""


class Store:
    """One connection, used by one event loop. Every request of a provider is one transaction."""

    def __init__(self, folder: Path, *, sync: bool = False) -> None:
        """Open or create the file in `folder`.

        What is committed survives kill -9 of the process in any case; `sync` makes it survive a loss of power
        too, at the price of one fsync per request.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / FILE_NAME
        self.connection = sqlite3.connect(self.path, isolation_level=None)
        self.connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        self.connection.execute(f"PRAGMA synchronous = {'FULL' if sync else 'OFF'}")
        self.connection.execute("PRAGMA journal_mode = WAL")
        self.connection.executescript(_SCHEMA)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All or nothing; nested use is an error of the caller."""
        self.connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.connection.execute("ROLLBACK")
            raise
        self.connection.execute("COMMIT")

    def close(self) -> None:
        self.connection.close()
