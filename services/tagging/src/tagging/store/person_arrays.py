"""The living persons of a tenant as arrays in memory, brought up to date by what was stated since the last read."""

from collections import OrderedDict
from itertools import chain
from threading import Lock
from typing import Any, NamedTuple

import numpy as np
from servicekit.driver_sql import execute
from sqlalchemy import Connection
from tagging.domain.columns import Ints, within
from tagging.domain.persons import NO_PROFILING
from tagging.store.person_files import PersonFiles, named
from tagging.store.ports import LivingPersons

TENANTS = 8
"""Kept at a time, those read last: 17 bytes a person."""
PAGE = 200_000
_LIVING = (
    "SELECT person_id, state, birth_hash, CASE WHEN attributes LIKE ? THEN 1 ELSE 0 END FROM person "
    "WHERE tenant = ? AND person_id > ? AND state IN (1, 2, 3) ORDER BY person_id LIMIT ?"
)
_STATED = (
    "SELECT person_id, state, birth_hash, CASE WHEN attributes LIKE ? THEN 1 ELSE 0 END FROM person "
    "WHERE tenant = ? AND change > ? AND change <= ?"
)
_OBJECTION = f'%"{NO_PROFILING}"%'


class _Kept(NamedTuple):
    change: int
    persons: LivingPersons
    may_object: Ints


class PersonArrays:
    """Arrays handed out are never written again. Safe for threads."""

    def __init__(self, files: PersonFiles | None = None) -> None:
        """`files`: what the store names of them is where a first read begins."""
        self._files = files
        self._kept: OrderedDict[str, _Kept] = OrderedDict()
        self._lock = Lock()

    def read(self, connection: Connection, tenant: str) -> tuple[LivingPersons, Ints]:
        """The persons as of the connection's snapshot, and those whose attributes name the objection, yes or no."""
        now = last_change(connection, tenant)
        with self._lock:
            kept = self._kept.get(tenant)
        # A snapshot older than what is kept starts anew, and so does what begins with nothing: in order of changes rows
        # take twice as long.
        if kept is None or kept.change > now or not kept.change:
            kept = self._first(connection, tenant) or _everybody(connection, tenant, now)
        if kept.change < now:
            kept = _brought_up(connection, tenant, kept, now)
        with self._lock:
            known = self._kept.get(tenant)
            if known is None or known.change <= now:
                self._kept[tenant] = kept
                self._kept.move_to_end(tenant)
            while len(self._kept) > TENANTS:
                self._kept.popitem(last=False)
        return kept.persons, kept.may_object

    def _first(self, connection: Connection, tenant: str) -> _Kept | None:
        """What files hold."""
        files = named(connection, tenant) if self._files is not None else None
        if files is None or self._files is None:
            return None
        found = self._files.persons(tenant, files.name)
        return None if found is None else _kept(files.change, *found)


def last_change(connection: Connection, tenant: str) -> int:
    """The number of the last statement that is stored; it rises with each."""
    found = execute(
        connection, "SELECT key_change FROM fact_counter WHERE tenant = ?", (tenant,)
    ).scalar_one_or_none()
    return 0 if found is None else int(found)


def _everybody(connection: Connection, tenant: str, now: int) -> _Kept:
    """Every row, in order of persons."""
    pages = [np.zeros((0, 4), np.int64)]
    after = 0
    while True:
        page = _rows(execute(connection, _LIVING, (_OBJECTION, tenant, after, PAGE)))
        if not len(page):
            break
        pages.append(page)
        after = int(page[-1, 0])
    return _kept(
        now,
        LivingPersons(
            np.concatenate([page[:, 0] for page in pages]),
            np.concatenate([page[:, 1].astype(np.int8) for page in pages]),
            np.concatenate([page[:, 2] for page in pages]).view(np.uint64),
        ),
        np.concatenate([page[page[:, 3] == 1, 0] for page in pages]),
    )


def _brought_up(connection: Connection, tenant: str, kept: _Kept, now: int) -> _Kept:
    """With what was stated since in the place of what was known of the same persons."""
    stated = _rows(execute(connection, _STATED, (_OBJECTION, tenant, kept.change, now)))
    stated = stated[np.argsort(stated[:, 0])]
    living = stated[(stated[:, 1] >= 1) & (stated[:, 1] <= 3)]
    known = kept.persons
    stays = np.ones(len(known.ids), np.bool_)
    stays[np.searchsorted(known.ids, stated[within(stated[:, 0], known.ids), 0])] = False
    ids = known.ids[stays]
    places = np.searchsorted(ids, living[:, 0])
    objecting = kept.may_object[~within(kept.may_object, stated[:, 0])]
    return _kept(
        now,
        LivingPersons(
            np.insert(ids, places, living[:, 0]),
            np.insert(known.states[stays], places, living[:, 1]),
            np.insert(known.birth_hashes[stays], places, living[:, 2].astype(np.uint64)),
        ),
        np.sort(np.concatenate([objecting, living[living[:, 3] == 1, 0]])),
    )


def _rows(rows: Any) -> Ints:
    """Four numbers of each."""
    return np.fromiter(chain.from_iterable(rows), np.int64).reshape(-1, 4)


def _kept(change: int, persons: LivingPersons, may_object: Ints) -> _Kept:
    for each in (persons.ids, persons.states, persons.birth_hashes, may_object):
        each.setflags(write=False)
    return _Kept(change, persons, may_object)
