"""Who lives, and whose each key is, in files: a start reads these and what was stated since, in place of every row.

    <root>/<tenant>/<name>.persons.npy    ids, states, birth hashes, and who may object to profiling
    <root>/<tenant>/<name>.keys.npy       person by key

Arrays stand one after the other in NumPy's own format. The table `person_file` names a tenant's files and the change up
to which they hold everything; what was stated since has a higher one. They are written and synced under a name of their
own, never change, and are named in a transaction: a store that was put back from a copy names those of its own time, be
it that they are gone. Without files every row is read.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from servicekit.driver_sql import execute
from servicekit.logging import logger
from sqlalchemy import Connection
from tagging.domain.columns import Ints, narrowed
from tagging.store.person_ports import HeldPersons
from tagging.store.ports import LivingPersons, PersonIds

_PERSONS, _KEYS = "persons", "keys"
_PUT = (
    "INSERT INTO person_file (tenant, name, change) VALUES (?, ?, ?) "
    "ON CONFLICT (tenant) DO UPDATE SET name = excluded.name, change = excluded.change"
)


class NamedFiles(NamedTuple):
    """What a store names. `change`: of the last statement in them."""

    name: str
    change: int


class PersonFiles:
    """Below one root. One process writes a tenant's files, any number read them."""

    def __init__(self, root: Path, new_id: Callable[[], str]) -> None:
        self._root = root
        self._new_id = new_id

    def write(self, tenant: str, held: HeldPersons) -> str:
        """Writes and syncs files under a new name and returns it; nothing refers to it yet."""
        folder, name = self._root / tenant, self._new_id()
        folder.mkdir(parents=True, exist_ok=True)
        persons = held.persons
        hashes = persons.birth_hashes.view(np.int64)
        _save(self._path(tenant, name, _PERSONS), (persons.ids, persons.states, hashes, held.may_object))
        _save(self._path(tenant, name, _KEYS), (held.owners,))
        _sync(folder)
        return name

    def stand(self, tenant: str, name: str) -> bool:
        """Whether the files of a name are there."""
        return all(self._path(tenant, name, each).exists() for each in (_PERSONS, _KEYS))

    def persons(self, tenant: str, name: str) -> tuple[LivingPersons, Ints] | None:
        """The living, and who of them may object; None when the file is gone, or damaged."""
        arrays = self._load(tenant, name, _PERSONS, 4)
        if arrays is None:
            return None
        ids, states, hashes, may_object = arrays
        return (
            LivingPersons(
                ids.astype(np.int64, copy=False), states, hashes.astype(np.int64, copy=False).view(np.uint64)
            ),
            may_object.astype(np.int64, copy=False),
        )

    def owners(self, tenant: str, name: str) -> PersonIds | None:
        """By key the person; None when the file is gone, or damaged."""
        arrays = self._load(tenant, name, _KEYS, 1)
        return None if arrays is None else arrays[0].astype(np.int64, copy=False)

    def sweep(self, tenant: str, kept: str = "") -> None:
        """Removes, durably, all of a tenant's files but those of a name. Not while some are written."""
        folder = self._root / tenant
        if not folder.exists():
            return
        for each in folder.iterdir():
            if each.name.partition(".")[0] != kept:
                each.unlink()
        _sync(folder)

    def _path(self, tenant: str, name: str, part: str) -> Path:
        return self._root / tenant / f"{name}.{part}.npy"

    def _load(self, tenant: str, name: str, part: str, count: int) -> list[npt.NDArray[Any]] | None:
        try:
            with self._path(tenant, name, part).open("rb") as file:
                return [np.load(file) for _ in range(count)]
        except FileNotFoundError:
            return None
        except (EOFError, ValueError) as error:
            logger().warning(
                "a file of persons is damaged", tenant=tenant, name=name, cause=type(error).__name__
            )
            return None


def named(connection: Connection, tenant: str) -> NamedFiles | None:
    """The files that the store names."""
    row = execute(
        connection, "SELECT name, change FROM person_file WHERE tenant = ?", (tenant,)
    ).one_or_none()
    return None if row is None else NamedFiles(row[0], row[1])


def put(connection: Connection, tenant: str, files: NamedFiles) -> None:
    """Names files in the place of others."""
    execute(connection, _PUT, (tenant, *files))


def _save(path: Path, arrays: Sequence[npt.NDArray[Any]]) -> None:
    """Each in as few bytes as hold it."""
    with path.open("wb") as file:
        for each in arrays:
            np.save(file, narrowed(each))
        file.flush()
        os.fsync(file.fileno())


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
