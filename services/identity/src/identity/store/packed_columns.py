"""A tenant's evidence from SQLite, a block of keys at a time: the database joins the numbers of a block into one text,
and NumPy reads it. A row never becomes Python objects, which would take three times as long.

A thread asks for the next block while the one before it is read: SQLite works without Python's lock. It is the one
connection's thread then, so that every block is of the caller's snapshot, or of the caller's own transaction.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Ints, KeyColumns, PairColumns
from identity.domain.groups import Place
from identity.domain.linking import Standing
from identity.store.column_ports import StoredColumns
from identity.store.linking_rows import Mark

BLOCK_KEYS = 65_536
BLOCKS_AHEAD = 2
_LINKABLE = f"(standing <> {int(Standing.BLOCKED)} OR marks & {Mark.BLOCKED} <> 0)"
_KEY_TEXTS = "CAST(group_concat(hash, '') AS BLOB), group_concat(namespace), group_concat(scope), "
_DERIVED = ("person_id", "born_person_id", "standing")
_DIGIT_0 = ord("0")


class PackedColumns:
    """Reads one tenant over SQLite's own connection."""

    def __init__(self, driver: Any, tenant: str) -> None:
        self._driver = driver
        self._tenant = tenant

    def evidence(self) -> tuple[KeyColumns, PairColumns]:
        """As LinkingColumns.evidence."""
        keys, _ = self._keys(())
        return keys, self._pairs(keys.key_ids)

    def stored(self) -> StoredColumns:
        """As LinkingColumns.read."""
        keys, (marks, person_ids, born_person_ids, standing) = self._keys(_DERIVED)
        pairs = self._pairs(keys.key_ids)
        return StoredColumns(
            keys,
            pairs,
            person_ids,
            born_person_ids,
            standing.astype(np.int8),
            marks.astype(np.int16),
        )

    def _keys(self, derived: Sequence[str]) -> tuple[KeyColumns, list[Ints]]:
        """All keys that may link, by ascending id, with their marks and some columns more."""
        numbers = ("key_id", "marks", *derived)
        parts: list[list[Ints]] = [[np.zeros(0, dtype=np.int64)] for _ in numbers]
        places: list[npt.NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
        hashes: list[bytes] = []
        number_of: dict[Place, int] = {}
        columns = _KEY_TEXTS + ", ".join(f"group_concat({name})" for name in numbers)
        for found in self._blocks("keys", columns, _LINKABLE):
            hashes.append(found[0])
            named = list(zip(found[1].split(","), found[2].split(","), strict=True))
            for place in set(named) - number_of.keys():
                number_of[place] = len(number_of)
            places.append(np.fromiter(map(number_of.__getitem__, named), np.int32, len(named)))
            for part, text in zip(parts, found[3:], strict=True):
                part.append(_numbers(text))
        key_ids, marks, *more = map(np.concatenate, parts)
        keys = KeyColumns(
            key_ids,
            np.concatenate(places),
            list(number_of),
            np.frombuffer(b"".join(hashes), dtype="V16"),
            marks & Mark.BLOCKED != 0,
        )
        return keys, [marks, *more]

    def _pairs(self, key_ids: Ints) -> PairColumns:
        """All live pairs of the keys in order of the lower one."""
        columns = (
            "group_concat(key_id), group_concat(other_key_id), group_concat(verified, ''), "
            "group_concat(last_us), group_concat(last_us - first_us)"
        )
        position = np.full(int(key_ids[-1]) + 1 if len(key_ids) else 1, -1, dtype=np.int32)
        position[key_ids] = np.arange(len(key_ids), dtype=np.int32)
        ends: list[npt.NDArray[np.int32]] = [np.zeros((2, 0), dtype=np.int32)]
        verified: list[npt.NDArray[np.int8]] = [np.zeros(0, dtype=np.int8)]
        times: list[Ints] = [np.zeros((2, 0), dtype=np.int64)]
        for found in self._blocks("edges", columns, "key_id < other_key_id AND last_us > unbound_us"):
            both = position[np.minimum([_numbers(text) for text in found[:2]], len(position) - 1)]
            bits = np.frombuffer(found[2].encode(), dtype=np.int8) - np.int8(_DIGIT_0)
            seen = np.array([_numbers(text) for text in found[3:]])
            known = (both >= 0).all(axis=0)
            if not known.all():
                both, bits, seen = both[:, known], bits[known], seen[:, known]
            ends.append(both)
            verified.append(bits)
            times.append(seen)
        low, high = np.concatenate(ends, axis=1)
        last_us, lasted_us = np.concatenate(times, axis=1)
        return PairColumns(
            low,
            high,
            last_us - lasted_us,
            last_us,
            np.broadcast_to(np.int64(-1), low.shape),
            np.concatenate(verified),
        )

    def _blocks(self, table: str, columns: str, chosen: str) -> Iterator[Any]:
        """The columns of each block of keys that has any chosen row."""
        sql = f"SELECT {columns} FROM {table} WHERE tenant = ? AND key_id >= ? AND key_id < ? AND {chosen}"  # noqa: S608

        def ask(start: int) -> Any:
            return self._driver.execute(sql, (self._tenant, start, start + BLOCK_KEYS)).fetchone()

        last = f"SELECT max(key_id) FROM {table} WHERE tenant = ?"  # noqa: S608
        end = (self._driver.execute(last, (self._tenant,)).fetchone()[0] or 0) + 1
        asked: deque[Future[Any]] = deque()
        with ThreadPoolExecutor(1, thread_name_prefix="columns") as thread:
            for start in range(0, end + BLOCKS_AHEAD * BLOCK_KEYS, BLOCK_KEYS):
                if start < end:
                    asked.append(thread.submit(ask, start))
                if asked and (start >= end or len(asked) > BLOCKS_AHEAD):
                    found = asked.popleft().result()
                    if found[0] is not None:
                        yield found


def _numbers(text: object) -> Ints:
    return np.fromstring(str(text), dtype=np.int64, sep=",")
