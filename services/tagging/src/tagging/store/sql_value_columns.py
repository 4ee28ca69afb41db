"""Which columns have values, and of what shape: the table `value_column`."""

from typing import Any

from rules.values import Kind
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.columns import Shape

_READ = "SELECT column_name, base, multi_valued, weighted FROM value_column WHERE tenant = ?"


def everything(connection: Connection, tenant: str) -> dict[str, Shape]:
    """All columns, in order of their names."""
    rows = execute(connection, f"{_READ} ORDER BY column_name", (tenant,))
    return {row[0]: _shape(row) for row in rows}


def declared(connection: Connection, tenant: str, column: str) -> Shape | None:
    """One column's shape; None when it is not declared."""
    row = execute(connection, f"{_READ} AND column_name = ?", (tenant, column)).one_or_none()
    return None if row is None else _shape(row)


def shape_of(connection: Connection, tenant: str, column: str) -> Shape:
    """As `declared`, of a column that is. Raises KeyError."""
    found = declared(connection, tenant, column)
    if found is None:
        raise KeyError(column)
    return found


def _shape(row: Any) -> Shape:
    return Shape(Kind(row[1]), bool(row[2]), bool(row[3]))
