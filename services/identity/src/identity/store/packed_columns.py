"""A tenant's evidence from SQLite, a block of keys at a time: the database joins the numbers of a block into one text,
and NumPy reads it. A row never becomes Python objects, which would take three times as long."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from identity.domain.full_columns import Ints, KeyColumns, PairColumns
from identity.domain.groups import Place
from identity.domain.linking import Standing
from identity.store.linking_rows import Mark

BLOCK_KEYS = 65_536
_LINKABLE = f"(standing <> {int(Standing.BLOCKED)} OR marks & {Mark.BLOCKED} <> 0)"


def packed_keys(driver: Any, tenant: str) -> KeyColumns:
    """All keys that may link, by ascending id."""
    number_of: dict[str, int] = {}
    ids: list[Ints] = [np.zeros(0, dtype=np.int64)]
    places: list[npt.NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    blocked: list[npt.NDArray[np.bool_]] = [np.zeros(0, dtype=bool)]
    hashes: list[bytes] = []
    sql = (
        "SELECT group_concat(key_id), group_concat(namespace || ' ' || scope), group_concat(marks), "  # noqa: S608  # a number
        "CAST(group_concat(hash, '') AS BLOB) FROM keys "
        f"WHERE tenant = ? AND key_id >= ? AND key_id < ? AND {_LINKABLE}"
    )
    for found in _blocks(driver, "keys", sql, tenant):
        key_ids = _numbers(found[0])
        named = found[1].split(",")
        for name in set(named) - number_of.keys():
            number_of[name] = len(number_of)
        ids.append(key_ids)
        places.append(np.fromiter(map(number_of.__getitem__, named), np.int32, len(key_ids)))
        blocked.append(_numbers(found[2]) & Mark.BLOCKED != 0)
        hashes.append(found[3])
    return KeyColumns(
        np.concatenate(ids),
        np.concatenate(places),
        [_place(name) for name in number_of],
        np.frombuffer(b"".join(hashes), dtype="V16"),
        np.concatenate(blocked),
    )


def packed_pairs(driver: Any, tenant: str, key_ids: Ints) -> PairColumns:
    """All live pairs of the keys in order of the lower one."""
    sql = (
        "SELECT group_concat(key_id), group_concat(other_key_id), group_concat(verified), group_concat(last_us), "
        "group_concat(last_us - first_us) FROM edges "
        "WHERE tenant = ? AND key_id >= ? AND key_id < ? AND key_id < other_key_id AND last_us > unbound_us"
    )
    position = np.full(int(key_ids[-1]) + 1 if len(key_ids) else 1, -1, dtype=np.int32)
    position[key_ids] = np.arange(len(key_ids), dtype=np.int32)
    lows: list[npt.NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    highs: list[npt.NDArray[np.int32]] = [np.zeros(0, dtype=np.int32)]
    verified: list[npt.NDArray[np.int8]] = [np.zeros(0, dtype=np.int8)]
    last: list[Ints] = [np.zeros(0, dtype=np.int64)]
    lasted: list[Ints] = [np.zeros(0, dtype=np.int64)]
    for found in _blocks(driver, "edges", sql, tenant):
        low, high = (position[np.minimum(_numbers(text), len(position) - 1)] for text in found[:2])
        known = (low >= 0) & (high >= 0)
        lows.append(low[known])
        highs.append(high[known])
        verified.append(_numbers(found[2])[known].astype(np.int8))
        last.append(_numbers(found[3])[known])
        lasted.append(_numbers(found[4])[known])
    low, last_us = np.concatenate(lows), np.concatenate(last)
    return PairColumns(
        low,
        np.concatenate(highs),
        last_us - np.concatenate(lasted),
        last_us,
        np.broadcast_to(np.int64(-1), low.shape),
        np.concatenate(verified),
    )


def _blocks(driver: Any, table: str, sql: str, tenant: str) -> Iterator[Any]:
    last = driver.execute(f"SELECT max(key_id) FROM {table} WHERE tenant = ?", (tenant,)).fetchone()[0]  # noqa: S608
    for start in range(0, (last or 0) + 1, BLOCK_KEYS):
        found = driver.execute(sql, (tenant, start, start + BLOCK_KEYS)).fetchone()
        if found[0] is not None:
            yield found


def _numbers(text: object) -> Ints:
    return np.fromstring(str(text), dtype=np.int64, sep=",")


def _place(name: str) -> Place:
    namespace, _, scope = name.partition(" ")
    return namespace, scope
