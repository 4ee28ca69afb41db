"""Locks where the database has them (SQLite has one writer at a time and needs none), and lists of values."""

from collections.abc import Sequence
from typing import Any

from servicekit.driver_sql import execute
from sqlalchemy import Connection


def for_update(connection: Connection, *, skip_locked: bool = False) -> str:
    """What to put at the end of a SELECT whose rows will be changed."""
    if connection.dialect.name == "sqlite":
        return ""
    return " FOR UPDATE SKIP LOCKED" if skip_locked else " FOR UPDATE"


def hold_rules(connection: Connection, tenant: str, *, shared: bool) -> None:
    """Holds what says who may be written to, the policy and the suppression list, until the transaction ends: with
    others, so that it stays as it is, or alone, to change it."""
    if connection.dialect.name != "sqlite":
        lock = "pg_advisory_xact_lock_shared" if shared else "pg_advisory_xact_lock"
        execute(connection, f"SELECT {lock}(hashtextextended(?, 0))", (f"activation rules {tenant}",))


def marks(count: int) -> str:
    """Placeholders of an IN list."""
    return ", ".join("?" * count)


def among(connection: Connection, values: Sequence[Any]) -> tuple[str, tuple[Any, ...]]:
    """The right side of a comparison of a column with a list, and its parameters: one on Postgres, where each of many
    costs time to plan."""
    if connection.dialect.name == "sqlite":
        return f"IN ({marks(len(values))})", tuple(values)
    return "= ANY(?)", (list(values),)
