"""SQLite's log is carried into the database without a write's doing."""

import sqlite3
import time

from servicekit.database import Database
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import make_url

WAIT_S = 20.0


def carried(path) -> int:
    """How many rows the database file itself has; what is in the log alone does not count."""
    file = sqlite3.connect(f"file:{path}?immutable=1", uri=True)
    try:
        return file.execute("SELECT count(*) FROM numbers").fetchone()[0]
    except sqlite3.OperationalError:
        return 0  # not even the table yet
    finally:
        file.close()


def test_a_commit_is_carried_over_without_another_write(sqlite_url):
    database = Database.open(sqlite_url)
    try:
        database.write_now(lambda c: execute(c, "CREATE TABLE numbers (n BIGINT PRIMARY KEY)"))
        rows = [(n,) for n in range(1_000)]
        database.write_now(lambda c: execute_many(c, "INSERT INTO numbers (n) VALUES (?)", rows))
        path, until = make_url(sqlite_url).database, time.monotonic() + WAIT_S
        while carried(path) < len(rows) and time.monotonic() < until:
            time.sleep(0.05)
        assert carried(path) == len(rows)
    finally:
        database.close_now()
