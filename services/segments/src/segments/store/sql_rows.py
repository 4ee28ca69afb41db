"""Many rows at once, the fast way of each dialect."""

from collections.abc import Sequence
from typing import Any

from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection

ROWS_AT_ONCE = 50_000


def put_many(
    connection: Connection, insert: str, types: Sequence[str], conflict: str, rows: Sequence[tuple[Any, ...]]
) -> None:
    """`insert` and `conflict` are the statement before and after its values; `types` those of PostgreSQL, by column. Of
    rows with the same key SQLite keeps the last; PostgreSQL takes each key once only."""
    if connection.dialect.name == "sqlite":
        execute_many(connection, f"{insert} VALUES ({', '.join('?' * len(types))}) {conflict}", rows)
        return
    arrays = ", ".join(f"?::{each}[]" for each in types)
    for start in range(0, len(rows), ROWS_AT_ONCE):
        columns = [list(column) for column in zip(*rows[start : start + ROWS_AT_ONCE], strict=True)]
        execute(connection, f"{insert} SELECT * FROM unnest({arrays}) {conflict}", columns)
