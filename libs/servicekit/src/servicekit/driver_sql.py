"""SQL by hand for the hot statements, written once with `?` and run on either dialect by the driver itself.

SQLAlchemy's expression language costs 50 to 100 us a statement and its cursor results some 30 more; a front door runs
dozens of statements for each batch. Transactions, connections and errors stay SQLAlchemy's: what the driver raises
arrives as the DBAPIError it would be there, and a connection that broke is given up. Statements hold no literal `?` or
`%`.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError, MultipleResultsFound, NoResultFound, StatementError

Row = tuple[Any, ...]


class Rows:
    """What a statement answers, to be read once. Reading raises what running raises."""

    __slots__ = ("_connection", "_cursor", "_sql")

    def __init__(self, connection: Connection, cursor: Any, sql: str) -> None:
        self._connection = connection
        self._cursor = cursor
        self._sql = sql

    @property
    def rowcount(self) -> int:
        """How many rows were written."""
        return int(self._cursor.rowcount)

    def __iter__(self) -> Iterator[Row]:
        """One row after the other, as the driver has them."""
        try:
            yield from self._cursor
        except _errors(self._connection) as error:
            raise _translated(self._connection, self._sql, error) from error

    def all(self) -> list[Row]:
        """Every row."""
        try:
            return self._cursor.fetchall()  # type: ignore[no-any-return]
        except _errors(self._connection) as error:
            raise _translated(self._connection, self._sql, error) from error

    def first(self) -> Row | None:
        """The first row, if there is one; the others are dropped."""
        try:
            row: Row | None = self._cursor.fetchone()
        except _errors(self._connection) as error:
            raise _translated(self._connection, self._sql, error) from error
        self._cursor.close()
        return row

    def one_or_none(self) -> Row | None:
        """The only row, if there is one. Raises MultipleResultsFound."""
        rows = self.all()
        if len(rows) > 1:
            raise MultipleResultsFound(f"{len(rows)} rows where one at most was expected")
        return rows[0] if rows else None

    def one(self) -> Row:
        """The only row. Raises NoResultFound and MultipleResultsFound."""
        row = self.one_or_none()
        if row is None:
            raise NoResultFound("no row where one was expected")
        return row

    def scalar(self) -> Any:
        """The first column of the first row; None without one."""
        row = self.first()
        return None if row is None else row[0]

    def scalar_one(self) -> Any:
        """The first column of the only row. Raises as `one`."""
        return self.one()[0]

    def scalar_one_or_none(self) -> Any:
        """The first column of the only row; None without one. Raises as `one_or_none`."""
        row = self.one_or_none()
        return None if row is None else row[0]


def execute(connection: Connection, sql: str, parameters: Sequence[Any] = ()) -> Rows:
    """Runs one statement."""
    text = _for_dialect(sql, connection.dialect.name)
    cursor = _cursor(connection)
    try:
        cursor.execute(text, parameters)
    except _errors(connection) as error:
        raise _translated(connection, text, error) from error
    return Rows(connection, cursor, text)


def execute_many(connection: Connection, sql: str, rows: Sequence[Row]) -> None:
    """Runs one statement for each row, as one executemany; nothing for no rows."""
    if not rows:
        return
    text = _for_dialect(sql, connection.dialect.name)
    cursor = _cursor(connection)
    try:
        cursor.executemany(text, rows)
    except _errors(connection) as error:
        raise _translated(connection, text, error) from error


@contextmanager
def driver_errors(connection: Connection, work: str) -> Iterator[None]:
    """Around statements that are run on the driver's own connection: what it raises arrives as from `execute`, and says
    which `work` it was."""
    try:
        yield
    except _errors(connection) as error:
        raise _translated(connection, work, error) from error


def _cursor(connection: Connection) -> Any:
    if not connection.in_transaction():
        connection.begin()
    return connection.connection.cursor()


def _errors(connection: Connection) -> Any:
    return connection.dialect.loaded_dbapi.Error


def _translated(connection: Connection, sql: str, error: Any) -> StatementError:
    """The driver's error as SQLAlchemy's, without parameters. A lost connection is invalidated, and with it those that
    wait in the pool: they are lost too."""
    dialect = connection.dialect
    lost = not connection.invalidated and dialect.is_disconnect(
        error, connection.connection.dbapi_connection, None
    )
    translated: StatementError = DBAPIError.instance(
        sql,
        None,
        error,
        dialect.loaded_dbapi.Error,
        hide_parameters=True,
        connection_invalidated=lost,
        dialect=dialect,
    )
    if lost:
        connection.invalidate(error)
        connection.engine.dispose()
    return translated


@lru_cache(maxsize=512)
def _for_dialect(sql: str, dialect: str) -> str:
    return sql if dialect == "sqlite" else sql.replace("?", "%s")
