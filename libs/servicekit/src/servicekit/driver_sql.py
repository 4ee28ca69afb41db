"""SQL by hand for the few hot statements, written once with `?` and run on either dialect.

SQLAlchemy's expression language costs 50 to 100 us a statement; a changelog is read and written for every
change. Statements hold no literal `?` or `%`.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, CursorResult


def execute(
    connection: Connection, sql: str, parameters: Sequence[Any] = ()
) -> CursorResult[*tuple[Any, ...]]:
    """Runs one statement."""
    return connection.exec_driver_sql(_for_dialect(sql, connection.dialect.name), tuple(parameters))


def execute_many(connection: Connection, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
    """Runs one statement for each row, as one executemany; nothing for no rows."""
    if rows:
        connection.exec_driver_sql(_for_dialect(sql, connection.dialect.name), list(rows))


@lru_cache(maxsize=512)
def _for_dialect(sql: str, dialect: str) -> str:
    return sql if dialect == "sqlite" else sql.replace("?", "%s")
