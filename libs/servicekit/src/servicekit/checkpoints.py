"""Carries SQLite's log into the database beside the writes and not within them: else every few commits one waits until
thousands of pages are written and synced.
"""

import contextlib
import sqlite3
from pathlib import Path
from threading import Event, Thread

from servicekit.commits import Commits

PAUSE_S = 0.25
"""Between two looks whether there was a commit."""
LOG_PAGES = 16_384
"""Above this, 64 MB, the writer carries over what is left and starts the log anew: so it stays bounded under writes
without a pause."""


class Checkpoints:
    """One thread with a connection of its own; stops at `close`, after a running checkpoint."""

    def __init__(self, store: Path, synchronous: str, commits: Commits) -> None:
        self._store = store
        self._synchronous = synchronous
        self._commits = commits
        self._closing = Event()
        self._thread = Thread(target=self._run, name="store-checkpoint", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Ends the thread."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        seen = 0
        connection: sqlite3.Connection | None = None
        while not self._closing.wait(PAUSE_S):
            count = self._commits.count
            if count == seen:
                continue
            seen = count
            with contextlib.suppress(sqlite3.OperationalError):  # the writer does it in the end
                connection = connection or self._connect()
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchall()
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._store, isolation_level=None)
        connection.execute(f"PRAGMA synchronous={self._synchronous}")
        return connection
