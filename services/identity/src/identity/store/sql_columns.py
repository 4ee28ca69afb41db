"""LinkingColumns: rows become arrays batch by batch, straight from the driver; on Postgres from its binary copy."""

from collections.abc import Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt
from servicekit.driver_sql import execute
from sqlalchemy import Connection

from identity.domain.full_columns import Ints, KeyColumns, PairColumns, Positions
from identity.domain.groups import Place
from identity.domain.linking import Standing
from identity.store.column_ports import StoredColumns
from identity.store.linking_rows import Mark
from identity.store.packed_columns import packed_keys, packed_pairs

BATCH = 65_536
"""Rows that are objects at once, at most."""
COPY_BYTES = 4 * 1024 * 1024
"""Of a copy that are parsed at once, about."""
_PAIR = "key_id, other_key_id, first_us, last_us, unbound_us, verified"
_NUMBERS = 6
_COPY_HEADER_BYTES = 19
_COPY_END = b"\xff\xff"


class SqlLinkingColumns:
    """LinkingColumns."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def read(self, tenant: str) -> StoredColumns:
        numbers, hashes, places = self._keys(tenant)
        key_ids = np.ascontiguousarray(numbers[:, 0])
        marks = numbers[:, 4].astype(np.int16)
        keys = KeyColumns(
            key_ids,
            numbers[:, 5].astype(np.int32),
            places,
            hashes,
            (marks & np.int16(Mark.BLOCKED)) != 0,
        )
        return StoredColumns(
            keys,
            self._pairs(tenant, key_ids),
            np.ascontiguousarray(numbers[:, 1]),
            np.ascontiguousarray(numbers[:, 2]),
            numbers[:, 3].astype(np.int8),
            marks,
        )

    def evidence(self, tenant: str) -> tuple[KeyColumns, PairColumns]:
        if self._connection.dialect.name != "sqlite":
            stored = self.read(tenant)
            return stored.keys, stored.pairs
        driver = _driver(self._connection)
        keys = packed_keys(driver, tenant)
        return keys, packed_pairs(driver, tenant, keys.key_ids)

    def conflict_count(self, tenant: str) -> int:
        sql = "SELECT count(*) FROM conflicts WHERE tenant = ?"
        return int(execute(self._connection, sql, (tenant,)).scalar() or 0)

    def _keys(self, tenant: str) -> tuple[Ints, npt.NDArray[np.void], list[Place]]:
        """Per key: id, person, born person, standing, marks, number of its place."""
        number_of: dict[Place, int] = {}
        numbers: list[Ints] = []
        hashes: list[bytes] = []
        for rows in self._key_rows(tenant):
            *found, namespaces, scopes, row_hashes = zip(*rows, strict=True)
            block = np.empty((len(rows), _NUMBERS), dtype=np.int64)
            for at, column in enumerate(found):
                block[:, at] = np.fromiter(column, np.int64, len(rows))
            places = list(zip(namespaces, scopes, strict=True))
            for place in set(places) - number_of.keys():
                number_of[place] = len(number_of)
            block[:, _NUMBERS - 1] = np.fromiter(map(number_of.__getitem__, places), np.int64, len(rows))
            numbers.append(block)
            hashes.append(b"".join(row_hashes))
        joined = np.concatenate(numbers) if numbers else np.zeros((0, _NUMBERS), dtype=np.int64)
        all_hashes = np.frombuffer(b"".join(hashes), dtype="V16")
        linkable = (joined[:, 3] != int(Standing.BLOCKED)) | (joined[:, 4] & Mark.BLOCKED != 0)
        if linkable.all():
            return joined, all_hashes, list(number_of)
        return joined[linkable], all_hashes[linkable], list(number_of)

    def _key_rows(self, tenant: str) -> Iterator[Sequence[Any]]:
        """By ascending id: on SQLite from one cursor, on Postgres page by page."""
        sql = (
            "SELECT key_id, person_id, born_person_id, standing, marks, namespace, scope, hash FROM keys "
            "WHERE tenant = ?"
        )
        if self._connection.dialect.name == "sqlite":
            yield from _blocks(_driver(self._connection), f"{sql} ORDER BY key_id", tenant)
            return
        after = 0
        while rows := execute(
            self._connection, f"{sql} AND key_id > ? ORDER BY key_id LIMIT ?", (tenant, after, BATCH)
        ).all():
            after = rows[-1][0]
            yield rows

    def _pairs(self, tenant: str, key_ids: Ints) -> PairColumns:
        copied = self._connection.dialect.name == "postgresql"
        table = _position_table(key_ids)
        parts: list[PairColumns] = []
        for part in self._copied(tenant) if copied else self._fetched(tenant):
            low, high = _positions(table, part[:, 0]), _positions(table, part[:, 1])
            columns = PairColumns(
                low,
                high,
                part[:, 2].astype(np.int64),
                part[:, 3].astype(np.int64),
                part[:, 4].astype(np.int64),
                part[:, 5].astype(np.int8),
            )
            parts.append(columns.where((low >= 0) & (high >= 0)))
        return _joined(parts)

    def _fetched(self, tenant: str) -> Iterator[Ints]:
        """Straight from SQLite's cursor."""
        sql = f"SELECT {_PAIR} FROM edges WHERE tenant = ? AND key_id < other_key_id"
        for rows in _blocks(_driver(self._connection), sql, tenant):
            flat = np.fromiter(chain.from_iterable(rows), np.int64, len(rows) * _NUMBERS)
            yield flat.reshape(-1, _NUMBERS)

    def _copied(self, tenant: str) -> Iterator[Ints]:
        """From Postgres's binary copy: all numbers are 8 bytes, so that each row has the same length."""
        fields = ", ".join(f"{name}::bigint" for name in _PAIR.split(", "))
        sql = f"COPY (SELECT {fields} FROM edges WHERE tenant = %s AND key_id < other_key_id) TO STDOUT (FORMAT BINARY)"
        layout = np.dtype(
            [("fields", ">i2"), ("values", [("length", ">i4"), ("number", ">i8")], (_NUMBERS,))]
        )
        left, skipped = bytearray(), False
        with _driver(self._connection).cursor() as cursor, cursor.copy(sql, (tenant,)) as copy:
            for block in copy:
                left += block
                if not skipped and len(left) >= _COPY_HEADER_BYTES:
                    del left[:_COPY_HEADER_BYTES]
                    skipped = True
                if skipped and len(left) >= COPY_BYTES:
                    whole = len(left) // layout.itemsize * layout.itemsize
                    yield np.frombuffer(bytes(left[:whole]), layout)["values"]["number"]
                    del left[:whole]
        rows = bytes(left).removesuffix(_COPY_END)
        if rows:
            yield np.frombuffer(rows, layout)["values"]["number"]


def _driver(connection: Connection) -> Any:
    return connection.connection.driver_connection


def _blocks(driver: Any, sql: str, tenant: str) -> Iterator[Sequence[Any]]:
    """Straight from SQLite's cursor."""
    cursor = driver.cursor()
    try:
        cursor.execute(sql, (tenant,))
        while rows := cursor.fetchmany(BATCH):
            yield rows
    finally:
        cursor.close()


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


def _joined(parts: list[PairColumns]) -> PairColumns:
    if not parts:
        nothing = np.zeros(0, dtype=np.int64)
        ends, none = nothing.astype(np.int32), nothing.astype(np.int8)
        return PairColumns(ends, ends, nothing, nothing, nothing, none)
    return PairColumns(
        np.concatenate([part.low for part in parts]),
        np.concatenate([part.high for part in parts]),
        np.concatenate([part.first_us for part in parts]),
        np.concatenate([part.last_us for part in parts]),
        np.concatenate([part.unbound_us for part in parts]),
        np.concatenate([part.verified for part in parts]),
    )
