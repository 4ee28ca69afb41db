"""Reads by many keys at once, on both dialects, and numbers packed into bytes."""

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from servicekit.driver_sql import execute
from sqlalchemy import Connection

CHUNK = 8_192
"""Keys of one statement, at most: SQLite takes 32,766 parameters."""
_NO_PAIR = (0, 0)
"""Ids start at 1."""


def select_among(
    connection: Connection,
    sql: str,
    parameters: Sequence[Any],
    column: str,
    values: Collection[Any],
    end: str = "",
    index: str = "",
) -> Iterator[Any]:
    """Rows of `sql` (which ends inside its WHERE) whose `column` is one of `values`, in no order. `end` follows in each
    statement: a limit is then one of each chunk. `index` must be named where neither the primary key nor an index has
    all that is asked for: SQLite, which has no statistics, would read all of a tenant instead."""
    if index and connection.dialect.name == "sqlite":
        sql = sql.replace(" WHERE ", f" INDEXED BY {index} WHERE ", 1)
    for chunk in _chunks(values):
        if connection.dialect.name == "postgresql":
            yield from execute(connection, f"{sql} AND {column} = ANY(?){end}", (*parameters, chunk)).all()
        else:
            padded = _padded(chunk, chunk[-1])
            marks = ",".join("?" * len(padded))
            yield from execute(
                connection, f"{sql} AND {column} IN ({marks}){end}", (*parameters, *padded)
            ).all()


def select_pairs(
    connection: Connection,
    select: str,
    table: str,
    tenant: str,
    columns: tuple[str, str],
    pairs: Collection[tuple[int, int]],
) -> Iterator[Any]:
    """Rows of a tenant's table whose two columns are one of `pairs` (no repeats), in no order. SQLite looks each pair
    up: it would read all of a tenant to compare two columns with a list."""
    place = f"({columns[0]}, {columns[1]})"
    for chunk in _chunks(pairs):
        if connection.dialect.name == "postgresql":
            lows, highs = zip(*chunk, strict=True)
            sql = (
                f"SELECT {select} FROM {table} WHERE tenant = ? AND {place} IN "  # noqa: S608  # names
                "(SELECT * FROM unnest(?::bigint[], ?::bigint[]))"
            )
            yield from execute(connection, sql, (tenant, list(lows), list(highs))).all()
        else:
            padded = _padded(chunk, _NO_PAIR)
            marks = ",".join(["(?,?)"] * len(padded))
            sql = (
                f"WITH wanted (one, two) AS (VALUES {marks}) "  # noqa: S608  # names
                f"SELECT {select} FROM wanted CROSS JOIN {table} "
                f"ON tenant = ? AND {columns[0]} = one AND {columns[1]} = two"
            )
            flat = [number for pair in padded for number in pair]
            yield from execute(connection, sql, (*flat, tenant)).all()


def pack_ids(ids: Collection[int]) -> bytes:
    """64-bit little-endian, in order."""
    return struct.pack(f"<{len(ids)}q", *ids)


def unpack_ids(packed: bytes) -> tuple[int, ...]:
    """The way back of `pack_ids`."""
    return struct.unpack(f"<{len(packed) // 8}q", packed)


def signed(number: int) -> int:
    """An unsigned 64-bit number as the signed one that databases hold."""
    return number - 2**64 if number >= 2**63 else number


def unsigned(number: int) -> int:
    """The way back of `signed`."""
    return number + 2**64 if number < 0 else number


def _chunks(values: Collection[Any]) -> Iterator[list[Any]]:
    listed = list(values)
    for start in range(0, len(listed), CHUNK):
        yield listed[start : start + CHUNK]


def _padded(chunk: list[Any], filling: Any) -> list[Any]:
    """The chunk made up to a length of which there are four between a power of two and the next, so that few
    statement texts are prepared.
    """
    step = 1 << max(len(chunk).bit_length() - 3, 0)
    return chunk + [filling] * (-len(chunk) % step)
