"""The living persons of a tenant as arrays in memory, read anew when any statement about persons came since."""

from collections import OrderedDict
from itertools import chain
from threading import Lock
from typing import NamedTuple

import numpy as np
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.persons import NO_PROFILING
from tagging.store.ports import LivingPersons

TENANTS = 8
"""Kept at a time, those read last: 17 bytes a person."""
PAGE = 200_000
_READ = (
    "SELECT person_id, state, birth_hash, CASE WHEN attributes LIKE ? THEN 1 ELSE 0 END FROM person "
    "WHERE tenant = ? AND person_id > ? AND state IN (1, 2, 3) ORDER BY person_id LIMIT ?"
)


class _Kept(NamedTuple):
    change: int
    persons: LivingPersons
    may_object: list[int]


class PersonArrays:
    """Arrays handed out are never written again. Safe for threads."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def read(self, connection: Connection, tenant: str) -> tuple[LivingPersons, list[int]]:
        """The persons as of the connection's snapshot, and those whose attributes name the objection, yes or no."""
        change = _change(connection, tenant)
        with self._lock:
            kept = self._kept.get(tenant)
        if kept is None or kept.change != change:
            kept = _read(connection, tenant, change)
        with self._lock:
            known = self._kept.get(tenant)
            if known is None or known.change <= change:
                self._kept[tenant] = kept
                self._kept.move_to_end(tenant)
            while len(self._kept) > TENANTS:
                self._kept.popitem(last=False)
        return kept.persons, kept.may_object


def _change(connection: Connection, tenant: str) -> int:
    """Rises with every statement that is stored."""
    found = execute(
        connection, "SELECT key_change FROM fact_counter WHERE tenant = ?", (tenant,)
    ).scalar_one_or_none()
    return 0 if found is None else int(found)


def _read(connection: Connection, tenant: str, change: int) -> _Kept:
    pages = [np.zeros((0, 4), np.int64)]
    after = 0
    while True:
        rows = execute(connection, _READ, (f'%"{NO_PROFILING}"%', tenant, after, PAGE))
        page = np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 4)
        if not len(page):
            break
        pages.append(page)
        after = int(page[-1, 0])
    ids = np.concatenate([page[:, 0] for page in pages])
    states = np.concatenate([page[:, 1].astype(np.int8) for page in pages])
    hashes = np.concatenate([page[:, 2] for page in pages]).view(np.uint64)
    may_object = np.concatenate([page[page[:, 3] == 1, 0] for page in pages]).tolist()
    for each in (ids, states, hashes):
        each.setflags(write=False)
    return _Kept(change, LivingPersons(ids, states, hashes), may_object)
