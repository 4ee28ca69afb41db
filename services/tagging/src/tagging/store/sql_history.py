"""Versions of values over the tables `kept_column` and `value_history`: packed records of a column and block."""

import datetime as dt
import io
import zlib
from collections.abc import Collection, Iterator, Sequence

import numpy as np
from rules.evaluate.meaning import Value
from rules.values import Kind
from servicekit.driver_sql import execute, execute_many
from sqlalchemy import Connection
from tagging.domain.columns import (
    BLOCK_BITS,
    Coded,
    Ints,
    Shape,
    block_of,
    decode,
    microseconds,
    moment_of,
)
from tagging.domain.history import Difference, Keeping, Recorded, difference
from tagging.store import sql_texts
from tagging.store.sql_lists import pieces
from tagging.store.tag_ports import TagValues

SMALL_BYTES = 64 * 1024
"""Records above this are packed with no others."""
FEW = 8
"""So many small records of a block are packed together."""
TRIMMED = 500
"""Records of one trim, at most."""
_DAY_US = 86_400 * 10**6
_RECORDS = "SELECT changes FROM value_history WHERE tenant = ? AND column_name = ? AND block = ?"
_ADD = (
    "INSERT INTO value_history (tenant, column_name, block, sequence, first_us, last_us, size_bytes, changes) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
)


class HistoryRecorder:
    """What adapters of values record by. A record is written in the transaction that changes the values."""

    def columns(self, connection: Connection, tenant: str) -> frozenset[str]:
        """The columns that keep versions."""
        rows = execute(connection, "SELECT column_name FROM kept_column WHERE tenant = ?", (tenant,))
        return frozenset(row[0] for row in rows)

    def record(
        self, connection: Connection, tenant: str, column: str, block: int, old: Coded, time_us: int
    ) -> None:
        """What values of a block were before they changed at a moment; persons ascending."""
        if len(old.persons):
            sequence = execute(
                connection,
                "SELECT coalesce(max(sequence), 0) + 1 FROM value_history "
                "WHERE tenant = ? AND column_name = ? AND block = ?",
                (tenant, column, block),
            ).scalar_one()
            _add(connection, tenant, column, block, sequence, Recorded.of(old, time_us))

    def drop(self, connection: Connection, tenant: str, column: str) -> None:
        """The column's versions, and that it keeps any."""
        for table in ("value_history", "kept_column"):
            execute(connection, f"DELETE FROM {table} WHERE tenant = ? AND column_name = ?", (tenant, column))


class SqlValueHistory:
    """ValueHistory beside the values that it is of."""

    def __init__(self, values: TagValues) -> None:
        self._values = values
        self._recorder = HistoryRecorder()

    def keep(
        self, connection: Connection, tenant: str, column: str, keep_days: int, now: dt.datetime
    ) -> None:
        if not keep_days:
            self._recorder.drop(connection, tenant, column)
            return
        execute(
            connection,
            "INSERT INTO kept_column (tenant, column_name, keep_days, since_us) VALUES (?, ?, ?, ?) "
            "ON CONFLICT (tenant, column_name) DO UPDATE SET keep_days = excluded.keep_days",
            (tenant, column, keep_days, microseconds(now)),
        )

    def kept(self, connection: Connection, tenant: str) -> dict[str, Keeping]:
        rows = execute(
            connection,
            "SELECT column_name, keep_days, since_us FROM kept_column WHERE tenant = ? ORDER BY column_name",
            (tenant,),
        )
        return {row[0]: Keeping(row[1], moment_of(row[2])) for row in rows}

    def values_at(
        self,
        connection: Connection,
        tenant: str,
        columns: Collection[str],
        person_ids: Collection[int],
        moment: dt.datetime,
    ) -> dict[str, dict[int, Value | None]]:
        shapes = self._values.columns(connection, tenant)
        persons = np.array(sorted(set(person_ids)), np.int64)
        found: dict[str, dict[int, Value | None]] = {}
        for column in columns:
            values: dict[int, Value | None] = {}
            for block in np.unique(persons >> BLOCK_BITS).tolist() if column in shapes else ():
                of_block = persons[persons >> BLOCK_BITS == block]
                recorded = self._recorded(connection, tenant, column, block, microseconds(moment))
                chosen = recorded.take(np.isin(recorded.persons, of_block))
                values |= self._plain(
                    connection, tenant, column, shapes[column], chosen.before(microseconds(moment))
                )
            found[column] = values
        return found

    def of_person(
        self, connection: Connection, tenant: str, columns: Collection[str], person_id: int
    ) -> dict[str, list[tuple[dt.datetime, Value | None]]]:
        shapes = self._values.columns(connection, tenant)
        found: dict[str, list[tuple[dt.datetime, Value | None]]] = {column: [] for column in columns}
        for column in found.keys() & shapes.keys():
            recorded = self._recorded(connection, tenant, column, block_of(person_id), 0)
            starts = np.concatenate((np.zeros(1, np.int64), np.cumsum(recorded.counts, dtype=np.int64)))
            for index in np.flatnonzero(recorded.persons == person_id).tolist():
                codes = recorded.codes[starts[index] : starts[index + 1]].tolist()
                old = self._plain(connection, tenant, column, shapes[column], Coded.of({person_id: codes}))
                found[column].append((moment_of(int(recorded.times_us[index])), old[person_id]))
            found[column].sort(key=lambda each: each[0])
        return found

    def differences(
        self,
        connection: Connection,
        tenant: str,
        column: str,
        start: dt.datetime,
        end: dt.datetime,
        after: int = 0,
    ) -> Iterator[Difference]:
        start_us, end_us = microseconds(start), microseconds(end)
        rows = execute(
            connection,
            "SELECT DISTINCT block FROM value_history "
            "WHERE tenant = ? AND column_name = ? AND block >= ? AND last_us > ? AND first_us <= ? ORDER BY block",
            (tenant, column, block_of(after), start_us, end_us),
        ).all()
        for (block,) in rows:
            recorded = self._recorded(connection, tenant, column, block, start_us)
            present, _ = self._values.read_block(connection, tenant, column, block)
            found = difference(present, recorded, start_us, end_us)
            if len(found.old.persons):
                yield found

    def decoded(
        self, connection: Connection, tenant: str, column: str, difference: Difference
    ) -> list[tuple[int, Value | None, Value | None]]:
        shape = self._values.columns(connection, tenant)[column]
        old = self._plain(connection, tenant, column, shape, difference.old)
        new = self._plain(connection, tenant, column, shape, difference.new)
        return [(person, old[person], new[person]) for person in sorted(old)]

    def fold(self, connection: Connection, tenant: str) -> int:
        crowded = execute(
            connection,
            "SELECT column_name, block FROM value_history WHERE tenant = ? AND size_bytes < ? "
            "GROUP BY column_name, block HAVING count(*) >= ?",
            (tenant, SMALL_BYTES, FEW),
        ).all()
        return sum(self._fold_block(connection, tenant, column, block) for column, block in crowded)

    def trim(self, connection: Connection, now: dt.datetime) -> int:
        removed = 0
        rows = execute(connection, "SELECT tenant, column_name, keep_days FROM kept_column").all()
        for tenant, column, keep_days in rows:
            removed += execute(
                connection,
                "DELETE FROM value_history WHERE (tenant, column_name, block, sequence) IN "
                "(SELECT tenant, column_name, block, sequence FROM value_history "
                "WHERE tenant = ? AND column_name = ? AND last_us < ? LIMIT ?)",
                (tenant, column, microseconds(now) - keep_days * _DAY_US, TRIMMED),
            ).rowcount
        return removed

    def forget(self, connection: Connection, tenant: str, person_ids: Collection[int]) -> int:
        persons = np.array(sorted(set(person_ids)), np.int64)
        rewritten = 0
        for piece, marks in pieces({block_of(each) for each in person_ids}):
            rows = execute(
                connection,
                "SELECT column_name, block, sequence, changes FROM value_history "
                f"WHERE tenant = ? AND block IN ({marks})",
                (tenant, *piece),
            ).all()
            for column, block, sequence, changes in rows:
                recorded = _unpacked(changes, block)
                theirs = np.isin(recorded.persons, persons)
                if theirs.any():
                    key = (tenant, column, block, sequence)
                    _remove(connection, [key])
                    if not theirs.all():
                        _add(connection, *key, recorded.take(~theirs))
                    rewritten += 1
        return rewritten

    def _recorded(
        self, connection: Connection, tenant: str, column: str, block: int, after_us: int
    ) -> Recorded:
        """What was recorded of a block after a moment, and more."""
        rows = execute(
            connection,
            f"{_RECORDS} AND last_us > ? ORDER BY sequence",
            (tenant, column, block, after_us),
        )
        return Recorded.joined([Recorded.of(Coded.empty(), 0), *(_unpacked(row[0], block) for row in rows)])

    def _fold_block(self, connection: Connection, tenant: str, column: str, block: int) -> int:
        rows = execute(
            connection,
            "SELECT sequence, first_us, size_bytes, changes FROM value_history "
            "WHERE tenant = ? AND column_name = ? AND block = ? ORDER BY sequence",
            (tenant, column, block),
        ).all()
        folded = 0
        for run in _runs([(row[1], row[2]) for row in rows]):
            chosen = rows[run]
            _remove(connection, [(tenant, column, block, row[0]) for row in chosen])
            joined = Recorded.joined([_unpacked(row[3], block) for row in chosen])
            _add(connection, tenant, column, block, chosen[-1][0], joined)
            folded += len(chosen)
        return folded

    def _plain(
        self, connection: Connection, tenant: str, column: str, shape: Shape, coded: Coded
    ) -> dict[int, Value | None]:
        texts: dict[int, str] = {}
        if shape.base is Kind.TEXT:
            named = set(coded.plain(shape).codes.tolist())
            texts = sql_texts.texts_of(connection, tenant, column, named)
        return {person: decode(codes, shape, texts) for person, codes in coded.rows().items()}


def _runs(records: Sequence[tuple[int, int]]) -> Iterator[slice]:
    """Where small records of one day stand one after the other, from (first moment, bytes) in order."""
    start = 0
    for index in range(1, len(records) + 1):
        if index < len(records) and _alike(records[start], records[index]):
            continue
        if index - start > 1:
            yield slice(start, index)
        start = index


def _alike(one: tuple[int, int], other: tuple[int, int]) -> bool:
    small = one[1] < SMALL_BYTES and other[1] < SMALL_BYTES
    return small and one[0] // _DAY_US == other[0] // _DAY_US


def _add(
    connection: Connection, tenant: str, column: str, block: int, sequence: int, recorded: Recorded
) -> None:
    packed = _packed(recorded, block)
    first, last = int(recorded.times_us.min()), int(recorded.times_us.max())
    execute(connection, _ADD, (tenant, column, block, sequence, first, last, len(packed), packed))


def _remove(connection: Connection, keys: Sequence[tuple[str, str, int, int]]) -> None:
    execute_many(
        connection,
        "DELETE FROM value_history WHERE tenant = ? AND column_name = ? AND block = ? AND sequence = ?",
        keys,
    )


def _packed(recorded: Recorded, block: int) -> bytes:
    """Offsets in the block (uint16), moments (int64), counts (uint16) and codes (int64), NumPy's own format one after
    the other, deflated."""
    file = io.BytesIO()
    offsets: Ints = recorded.persons - (block << BLOCK_BITS)
    for array in (offsets.astype(np.uint16), recorded.times_us, recorded.counts, recorded.codes):
        np.save(file, array)
    return zlib.compress(file.getvalue(), 1)


def _unpacked(packed: bytes, block: int) -> Recorded:
    file = io.BytesIO(zlib.decompress(packed))
    offsets, times_us, counts, codes = (np.load(file, allow_pickle=False) for _ in range(4))
    return Recorded(offsets.astype(np.int64) + (block << BLOCK_BITS), times_us, counts, codes)
