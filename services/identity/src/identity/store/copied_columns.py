"""A tenant's evidence from Postgres: its binary copy, in which every row has the same length, read by NumPy."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Ints, KeyColumns, PairColumns, Positions
from identity.domain.linking import Standing
from identity.store.column_ports import StoredColumns
from identity.store.linking_rows import Mark

COPY_BYTES = 4 * 1024 * 1024
"""Of a copy that are parsed at once, about."""
_LINKABLE = f"(standing <> {int(Standing.BLOCKED)} OR marks & {Mark.BLOCKED} <> 0)"
_KEY = ("key_id", "person_id", "born_person_id", "standing", "marks")
_PAIR = ("key_id", "other_key_id", "first_us", "last_us", "unbound_us", "verified")
_HASH_BYTES = 16
_HEADER_BYTES = 19
_END = b"\xff\xff"


class CopiedColumns:
    """Reads one tenant over psycopg's own connection."""

    def __init__(self, driver: Any, tenant: str) -> None:
        self._driver = driver
        self._tenant = tenant

    def stored(self) -> StoredColumns:
        """As LinkingColumns.read."""
        with self._driver.cursor() as cursor:
            named = "SELECT DISTINCT namespace, scope FROM keys WHERE tenant = %s ORDER BY namespace, scope"
            places = [(namespace, scope) for namespace, scope in cursor.execute(named, (self._tenant,))]
        fields = ", ".join(f"{name}::bigint" for name in _KEY)
        sql = (
            f"SELECT {fields}, array_position(%s::text[], namespace || ' ' || scope)::bigint, hash FROM keys "  # noqa: S608
            f"WHERE tenant = %s AND {_LINKABLE} ORDER BY key_id"
        )
        layout = [*_numbers(len(_KEY) + 1), ("hash_length", ">i4"), ("hash", f"V{_HASH_BYTES}")]
        rows = list(self._copied(sql, ([" ".join(place) for place in places], self._tenant), layout))
        numbers = _joined([part["numbers"]["number"].astype(np.int64) for part in rows], len(_KEY) + 1)
        key_ids, person_ids, born_person_ids, standing, marks, place_of = np.ascontiguousarray(numbers.T)
        hashes = b"".join(part["hash"].tobytes() for part in rows)
        keys = KeyColumns(
            key_ids,
            (place_of - 1).astype(np.int32),
            places,
            np.frombuffer(hashes, dtype="V16"),
            marks & Mark.BLOCKED != 0,
        )
        return StoredColumns(
            keys,
            self._pairs(key_ids),
            person_ids,
            born_person_ids,
            standing.astype(np.int8),
            marks.astype(np.int16),
        )

    def _pairs(self, key_ids: Ints) -> PairColumns:
        """All live pairs of the keys, in no order."""
        fields = ", ".join(f"{name}::bigint" for name in _PAIR)
        sql = (
            f"SELECT {fields} FROM edges "  # noqa: S608
            "WHERE tenant = %s AND key_id < other_key_id AND last_us > unbound_us"
        )
        table = _position_table(key_ids)
        ends: list[Positions] = []
        times: list[Ints] = []
        verified: list[npt.NDArray[np.int8]] = []
        for part in self._copied(sql, (self._tenant,), _numbers(len(_PAIR))):
            numbers = part["numbers"]["number"]
            both = _positions(table, numbers[:, :2])
            known = (both >= 0).all(axis=1)
            ends.append(both[known])
            times.append(numbers[known, 2:5].astype(np.int64))
            verified.append(numbers[known, 5].astype(np.int8))
        low, high = np.ascontiguousarray(_joined(ends, 2).T, dtype=np.int32)
        first_us, last_us, unbound_us = np.ascontiguousarray(_joined(times, 3).T)
        return PairColumns(
            low,
            high,
            first_us,
            last_us,
            unbound_us,
            np.concatenate([np.zeros(0, dtype=np.int8), *verified]),
        )

    def _copied(self, sql: str, bound: Sequence[object], fields: list[Any]) -> Iterator[npt.NDArray[Any]]:
        """The rows of a query, a few megabytes at a time. No field is null."""
        layout = np.dtype(fields)
        left, skipped = bytearray(), False
        statement = f"COPY ({sql}) TO STDOUT (FORMAT BINARY)"
        with self._driver.cursor() as cursor, cursor.copy(statement, bound) as copy:
            for block in copy:
                left += block
                if not skipped and len(left) >= _HEADER_BYTES:
                    del left[:_HEADER_BYTES]
                    skipped = True
                if skipped and len(left) >= COPY_BYTES:
                    whole = len(left) // layout.itemsize * layout.itemsize
                    yield np.frombuffer(bytes(left[:whole]), layout)
                    del left[:whole]
        rows = bytes(left).removesuffix(_END)
        if rows:
            yield np.frombuffer(rows, layout)


def _numbers(count: int) -> list[Any]:
    """The layout of a row that begins with so many numbers of 8 bytes."""
    return [("fields", ">i2"), ("numbers", [("length", ">i4"), ("number", ">i8")], (count,))]


def _joined(parts: Sequence[npt.NDArray[Any]], columns: int) -> npt.NDArray[Any]:
    return np.concatenate([np.zeros((0, columns), dtype=np.int64), *parts])


def _position_table(key_ids: Ints) -> Positions:
    """By key id its position; -1 for one that is not there. Key ids are dense, so that the table is little longer than
    the keys."""
    table = np.full(int(key_ids[-1]) + 1 if len(key_ids) else 1, -1, dtype=np.int32)
    table[key_ids] = np.arange(len(key_ids), dtype=np.int32)
    return table


def _positions(table: Positions, wanted: npt.NDArray[Any]) -> Positions:
    """Where the wanted keys are; -1 for one that is not there."""
    known = wanted < len(table)
    found: Positions = table[np.where(known, wanted, 0)]
    return np.where(known, found, np.int32(-1))
