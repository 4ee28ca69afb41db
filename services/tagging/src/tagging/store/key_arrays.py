"""The key map as dense arrays in memory, brought up to date by what changed since the last read."""

from itertools import chain
from threading import Lock
from typing import NamedTuple

import numpy as np
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.store.person_files import PersonFiles, named
from tagging.store.ports import PersonIds


class _Kept(NamedTuple):
    change: int
    array: PersonIds


class KeyArrays:
    """One array per tenant, 8 bytes a key. Arrays handed out are never written again."""

    def __init__(self, files: PersonFiles | None = None) -> None:
        """`files`: what the store names of them is where a first read begins."""
        self._files = files
        self._kept: dict[str, _Kept] = {}
        self._lock = Lock()

    def read(self, connection: Connection, tenant: str) -> PersonIds:
        """The map as of the connection's snapshot; key 0 is nobody's."""
        now, highest = _state(connection, tenant)
        with self._lock:
            kept = self._kept.get(tenant)
        if kept is not None and kept.change == now and len(kept.array) > highest:
            return kept.array
        if kept is None or kept.change > now:  # a snapshot older than what is kept starts anew
            kept = self._first(connection, tenant)
        # From nothing the table is read in order of keys: in order of changes it takes twice as long.
        since = "change > ? AND change" if kept.change else "+change"
        rows = execute(
            connection,
            f"SELECT key_id, person_id FROM key_owner WHERE tenant = ? AND {since} <= ?",  # noqa: S608  # either of two
            (tenant, kept.change, now) if kept.change else (tenant, now),
        )
        changed = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 2)
        array = kept.array
        if len(changed) or len(array) <= highest:
            array = np.zeros(highest + 1, dtype=np.int64)
            array[: len(kept.array)] = kept.array
            array[changed[:, 0]] = changed[:, 1]
        array.setflags(write=False)
        with self._lock:
            known = self._kept.get(tenant)
            if known is None or known.change <= now:
                self._kept[tenant] = _Kept(now, array)
        return array

    def _first(self, connection: Connection, tenant: str) -> _Kept:
        """What files hold, or nothing."""
        files = named(connection, tenant) if self._files is not None else None
        if files is not None and self._files is not None:
            owners = self._files.owners(tenant, files.name)
            if owners is not None:
                return _Kept(files.change, owners)
        return _Kept(0, np.zeros(0, dtype=np.int64))


def _state(connection: Connection, tenant: str) -> tuple[int, int]:
    row = execute(
        connection, "SELECT key_change, highest_key_id FROM fact_counter WHERE tenant = ?", (tenant,)
    ).one_or_none()
    return (row[0], row[1]) if row is not None else (0, 0)
