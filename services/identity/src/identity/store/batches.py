"""Reads by many keys at once, on both dialects, and numbers packed into bytes."""

import struct
from collections.abc import Collection, Iterator, Sequence
from typing import Any

from servicekit.driver_sql import execute
from sqlalchemy import Connection

CHUNK = 8_192
"""Keys of one statement, at most: SQLite takes 32,766 parameters."""


def select_among(
    connection: Connection,
    sql: str,
    parameters: Sequence[Any],
    column: str,
    values: Collection[Any],
    end: str = "",
) -> Iterator[Any]:
    """Rows of `sql` (which ends inside its WHERE) whose `column` is one of `values`, in no order. `end` follows in each
    statement: a limit is then one of each chunk."""
    for chunk in _chunks(values):
        if connection.dialect.name == "postgresql":
            yield from execute(connection, f"{sql} AND {column} = ANY(?){end}", (*parameters, chunk)).all()
        else:
            padded = _padded(chunk)
            marks = ",".join("?" * len(padded))
            yield from execute(
                connection, f"{sql} AND {column} IN ({marks}){end}", (*parameters, *padded)
            ).all()


def select_pairs(
    connection: Connection,
    sql: str,
    parameters: Sequence[Any],
    columns: tuple[str, str],
    pairs: Collection[tuple[int, int]],
) -> Iterator[Any]:
    """Rows of `sql` (which ends inside its WHERE) whose two columns are one of `pairs`, in no order."""
    place = f"({columns[0]}, {columns[1]})"
    for chunk in _chunks(pairs):
        if connection.dialect.name == "postgresql":
            lows, highs = zip(*chunk, strict=True)
            wanted = f" AND {place} IN (SELECT * FROM unnest(?::bigint[], ?::bigint[]))"  # noqa: S608  # a name
            yield from execute(connection, sql + wanted, (*parameters, list(lows), list(highs)))
        else:
            padded = _padded(chunk)
            marks = ",".join(["(?,?)"] * len(padded))
            flat = [number for pair in padded for number in pair]
            yield from execute(connection, f"{sql} AND {place} IN (VALUES {marks})", (*parameters, *flat))


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


def _padded(chunk: list[Any]) -> list[Any]:
    """The chunk with its last value repeated up to a power of two, so that few statement texts are
    prepared.
    """
    return chunk + [chunk[-1]] * ((1 << (len(chunk) - 1).bit_length()) - len(chunk))
