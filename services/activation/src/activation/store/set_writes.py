"""Many rows of a table written at once: one statement for all of them on Postgres, where each statement is a message to
the server, and one for each row on SQLite, where it is a call."""

from collections.abc import Mapping, Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

Rows = Sequence[tuple[Any, ...]]


class _SetWrite:
    """`given` are the columns of what is given, with their types in Postgres; in SQL {name} stands for one of them."""

    def __init__(self, given: Mapping[str, str]) -> None:
        self._numbered = {name: f"?{number}" for number, name in enumerate(given, 1)}
        self._joined = {name: f"given.new_{name}" for name in given}
        arrays = ", ".join(f"%s::{kind}[]" for kind in given.values())
        names = ", ".join(f"new_{name}" for name in given)
        self._rows = f"unnest({arrays}) AS given({names})"
        self._each = self._together = ""

    def __call__(self, connection: Connection, rows: Rows) -> None:
        """Writes rows of the given columns' values; on Postgres no two may have one key."""
        if not rows:
            return
        if connection.dialect.name == "sqlite":
            execute_many(connection, self._each, rows)
        else:
            execute(connection, self._together, [list(column) for column in zip(*rows, strict=True)])


class SetUpdate(_SetWrite):
    """Changes the rows with these keys; `sets` is the SET clause, `where` a further condition."""

    def __init__(
        self, table: str, key: Mapping[str, str], given: Mapping[str, str], sets: str, where: str = ""
    ) -> None:
        super().__init__({**key, **given})
        further = f" AND {where}" if where else ""
        self._each = (
            f"UPDATE {table} SET {sets} WHERE ".format(**self._numbered)  # noqa: S608  # names
            + " AND ".join(f"{name} = {self._numbered[name]}" for name in key)
            + further.format(**self._numbered)
        )
        self._together = (
            f"UPDATE {table} SET {sets} FROM {self._rows} WHERE ".format(**self._joined)  # noqa: S608
            + " AND ".join(f"{table}.{name} = {self._joined[name]}" for name in key)
            + further.format(**self._joined)
        )


class SetInsert(_SetWrite):
    """Adds a row of `values` (by column, SQL over what is given) for each row given."""

    def __init__(self, table: str, given: Mapping[str, str], values: Mapping[str, str]) -> None:
        super().__init__(given)
        into = f"INSERT INTO {table} ({', '.join(values)}) SELECT {', '.join(values.values())}"
        self._each = into.format(**self._numbered)
        self._together = f"{into} FROM {self._rows}".format(**self._joined)
