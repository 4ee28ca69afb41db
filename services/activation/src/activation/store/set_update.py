"""Many rows of a table changed at once: one statement for all of them on Postgres, where each statement is a message to
the server, and one for each row on SQLite, where it is a call."""

from collections.abc import Mapping, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class SetUpdate:
    """`key` and `given` name the columns of what is given, the key's first, with their types in Postgres; `sets` is the
    SET clause and `where` a further condition, in which {name} stands for what is given."""

    def __init__(
        self, table: str, key: Mapping[str, str], given: Mapping[str, str], sets: str, where: str = ""
    ) -> None:
        columns = {**key, **given}
        further = f" AND {where}" if where else ""
        numbered = {name: f"?{number}" for number, name in enumerate(columns, 1)}
        joined = {name: f"given.new_{name}" for name in columns}
        arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
        names = ", ".join(joined[name].removeprefix("given.") for name in columns)
        self._each = (
            f"UPDATE {table} SET {sets.format(**numbered)} WHERE "  # noqa: S608  # names
            + " AND ".join(f"{name} = {numbered[name]}" for name in key)
            + further.format(**numbered)
        )
        self._together = (
            f"UPDATE {table} SET {sets.format(**joined)} FROM unnest({arrays}) AS given({names}) WHERE "  # noqa: S608
            + " AND ".join(f"{table}.{name} = {joined[name]}" for name in key)
            + further.format(**joined)
        )

    def __call__(self, connection: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
        """Changes the rows of these values; on Postgres no two may have one key."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            execute_many(connection, self._each, rows)
        else:
            execute(connection, self._together, [list(column) for column in zip(*rows, strict=True)])
