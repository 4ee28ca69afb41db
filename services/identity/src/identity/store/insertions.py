"""Many rows of a tenant into one table: a statement for all of them on Postgres, where each statement is a message to
the server, and one for each row on SQLite, where it is a call.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection


class Insertion:
    """`columns` are those beside `tenant`, with their types in Postgres; `conflict` says what becomes of rows that are
    there already, which it calls by the table's name."""

    def __init__(self, table: str, columns: Mapping[str, str], conflict: str = "") -> None:
        into = f"INSERT INTO {table} (tenant, {', '.join(columns)})"
        marks = ", ".join("?" * (len(columns) + 1))
        arrays = ", ".join(f"?::{kind}[]" for kind in columns.values())
        self._each = f"{into} VALUES ({marks}) {conflict}"
        self._together = f"{into} SELECT ?::text, * FROM unnest({arrays}) {conflict}"  # noqa: S608  # names

    def __call__(self, connection: Connection, tenant: str, rows: Iterable[tuple[Any, ...]]) -> None:
        """Inserts rows of the columns' values; on Postgres no two may be of one key."""
        if connection.dialect.name == "sqlite":
            execute_many(connection, self._each, [(tenant, *row) for row in rows])
            return
        columns = [list(column) for column in zip(*rows, strict=True)]
        if columns:
            execute(connection, self._together, (tenant, *columns))
