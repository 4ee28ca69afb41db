"""A tenant's evidence from SQLite, a block of keys at a time: the database joins the numbers of a block into one text,
and NumPy reads it. A row never becomes Python objects, which would take three times as long. What costs is the text, so
several numbers share one, and dense key ids need none.

One connection reads all, so that every block is of the caller's snapshot, or of the caller's own transaction.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Ints, KeyColumns, PairColumns, Positions
from identity.domain.groups import Place
from identity.domain.linking import Standing
from identity.store.column_ports import StoredColumns
from identity.store.linking_rows import Mark

BLOCK_KEYS = 65_536
_LINKABLE = f"(standing <> {int(Standing.BLOCKED)} OR marks & {Mark.BLOCKED} <> 0)"
_KEYS = (
    "CAST(group_concat(hash, '') AS BLOB), group_concat(namespace), group_concat(scope), count(*), "
    f"min(key_id), max(key_id), group_concat(CASE WHEN marks & {Mark.BLOCKED} THEN key_id END)"
)
_DERIVED = ("person_id", "born_person_id", "standing", "marks")
_OTHER_BITS = 47
_VERIFIED_BITS = 2
_PAIRS = (
    f"group_concat((key_id % {BLOCK_KEYS} << {_OTHER_BITS}) + other_key_id), group_concat(last_us), "
    f"group_concat((last_us - first_us << {_VERIFIED_BITS}) + verified)"
)
_SCOPE_BITS = 32
"""Room for the number of a scope beside that of its namespace."""


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
        keys, (person_ids, born_person_ids, standing, marks) = self._keys(_DERIVED)
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
        """All keys that may link, by ascending id, and derived columns."""
        parts: list[list[Ints]] = [[np.zeros(0, dtype=np.int64)] for _ in derived]
        key_ids: list[Ints] = [np.zeros(0, dtype=np.int64)]
        blocked: list[Ints] = [np.zeros(0, dtype=np.int64)]
        named: list[Ints] = [np.zeros(0, dtype=np.int64)]
        hashes: list[bytes] = []
        namespaces, scopes = _Words(), _Words()
        columns = ", ".join((_KEYS, *(f"group_concat({name})" for name in derived)))
        for start, found in self._blocks("keys", columns, _LINKABLE):
            hash_texts, namespace_text, scope_text, count, first, last, blocked_text, *texts = found
            hashes.append(hash_texts)
            named.append(namespaces.numbers(namespace_text) << _SCOPE_BITS | scopes.numbers(scope_text))
            dense = last - first + 1 == count
            key_ids.append(np.arange(first, last + 1) if dense else self._key_ids(start))
            if blocked_text is not None:
                blocked.append(_numbers(blocked_text))
            for part, text in zip(parts, texts, strict=True):
                part.append(_numbers(text))
        place_of, places = _places(np.concatenate(named), namespaces, scopes)
        listed = np.concatenate(key_ids)
        keys = KeyColumns(
            listed,
            place_of,
            places,
            np.frombuffer(b"".join(hashes), dtype="V16"),
            np.isin(listed, np.concatenate(blocked)),
        )
        return keys, [np.concatenate(part) for part in parts]

    def _key_ids(self, start: int) -> Ints:
        """The ids of a block's keys: asked for where some are missing, which is rare."""
        sql = f"SELECT group_concat(key_id) FROM keys WHERE tenant = ? AND key_id >= ? AND key_id < ? AND {_LINKABLE}"  # noqa: S608
        return _numbers(self._driver.execute(sql, (self._tenant, start, start + BLOCK_KEYS)).fetchone()[0])

    def _pairs(self, key_ids: Ints) -> PairColumns:
        """All live pairs of the keys in order of the lower one."""
        beyond = int(key_ids[-1]) + 1 if len(key_ids) else 0  # stands for every key that is not among them
        position = np.full(beyond + 1, -1, dtype=np.int32)
        position[key_ids] = np.arange(len(key_ids), dtype=np.int32)
        ends: list[npt.NDArray[np.int32]] = [np.zeros((2, 0), dtype=np.int32)]
        verified: list[npt.NDArray[np.int8]] = [np.zeros(0, dtype=np.int8)]
        times: list[Ints] = [np.zeros((2, 0), dtype=np.int64)]
        for start, found in self._blocks("edges", _PAIRS, "key_id < other_key_id AND last_us > unbound_us"):
            codes, last_us, lasted = map(_numbers, found)
            named = np.array([(codes >> _OTHER_BITS) + start, codes & (1 << _OTHER_BITS) - 1])
            both = position[np.minimum(named, beyond)]
            bits = (lasted & (1 << _VERIFIED_BITS) - 1).astype(np.int8)
            seen = np.array([last_us - (lasted >> _VERIFIED_BITS), last_us])
            known = (both >= 0).all(axis=0)
            if not known.all():
                both, bits, seen = both[:, known], bits[known], seen[:, known]
            ends.append(both)
            verified.append(bits)
            times.append(seen)
        low, high = np.concatenate(ends, axis=1)
        first_us, last_us = np.concatenate(times, axis=1)
        return PairColumns(
            low,
            high,
            first_us,
            last_us,
            np.broadcast_to(np.int64(-1), low.shape),
            np.concatenate(verified),
        )

    def _blocks(self, table: str, columns: str, chosen: str) -> Iterator[tuple[int, Any]]:
        """The first key and the columns of each block of keys that has any chosen row."""
        sql = f"SELECT {columns} FROM {table} WHERE tenant = ? AND key_id >= ? AND key_id < ? AND {chosen}"  # noqa: S608
        ends = f"SELECT max(key_id) FROM {table} WHERE tenant = ?"  # noqa: S608
        last = self._driver.execute(ends, (self._tenant,)).fetchone()[0] or 0
        for start in range(0, last + 1, BLOCK_KEYS):
            found = self._driver.execute(sql, (self._tenant, start, start + BLOCK_KEYS)).fetchone()
            if found[0] is not None:
                yield start, found


class _Words(defaultdict[str, int]):
    """Numbers words in the order in which they are met."""

    def __init__(self) -> None:
        super().__init__(self.__len__)

    def numbers(self, text: str) -> Ints:
        """The number of each word of a text that commas part."""
        words = text.split(",")
        return np.fromiter(map(self.__getitem__, words), np.int64, len(words))


def _places(named: Ints, namespaces: _Words, scopes: _Words) -> tuple[Positions, list[Place]]:
    """Each key's number among the places that there are, and those."""
    bits = len(scopes).bit_length()
    named = (named >> _SCOPE_BITS << bits) | (named & (1 << _SCOPE_BITS) - 1)
    there = np.bincount(named, minlength=1) > 0
    codes = np.flatnonzero(there)
    number_of = np.cumsum(there, dtype=np.int32) - np.int32(1)
    words, texts = list(namespaces), list(scopes)
    found: Positions = number_of[named]
    return found, [(words[code >> bits], texts[code & (1 << bits) - 1]) for code in codes]


def _numbers(text: object) -> Ints:
    return np.fromstring(str(text), dtype=np.int64, sep=",")
