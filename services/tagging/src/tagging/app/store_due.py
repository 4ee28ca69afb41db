"""Stores when persons change next by themselves, after columns were computed of many."""

from collections.abc import Mapping, Set

import numpy as np
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.snapshot import Snapshot
from tagging.app.task import Task
from tagging.domain.ageing import NEVER
from tagging.domain.columns import Ints, microseconds
from tagging.domain.moment import Moment
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

DUE_CHUNK = 5_000


class StoreDue:
    """Of the persons of a snapshot that was taken for the columns that age, by all of these columns."""

    def __init__(self, database: Database, facts: FactStores, tags: TagStores) -> None:
        self._database = database
        self._facts = facts
        self._tags = tags

    def __call__(self, task: Task, snapshot: Snapshot, columns: Set[str], *, settled: bool) -> None:
        """`settled`: every column that ages was brought to the task's moment, of everybody who was overdue: who still
        is, is gone, or was due for a column that is, and is forgotten. Else whoever is overdue stays so."""
        recipes = [snapshot.plan.recipes[each] for each in sorted(columns & snapshot.plan.recipes.keys())]
        if recipes and len(snapshot.persons):
            due = snapshot.due(recipes, Moment(task.as_of, snapshot.tenant.settings.calendar))
            for start in range(0, len(due), DUE_CHUNK):
                part = slice(start, start + DUE_CHUNK)
                self._database.write_now(self._put, task, snapshot.persons[part], due[part], settled=settled)
        if settled:
            self._database.write_now(self._tags.due.forget, task.tenant, microseconds(task.as_of))

    def _put(self, connection: Connection, task: Task, persons: Ints, due: Ints, *, settled: bool) -> None:
        self._facts.tenants.lock(connection, task.tenant)
        mine = ~np.isin(
            persons, self._tags.computations.touched(connection, task.tenant, task.computation_id)
        )
        if not settled:
            waiting = self._tags.due.overdue(connection, task.tenant, microseconds(task.as_of))
            mine &= ~np.isin(persons, waiting)
        found: Mapping[int, int | None] = {
            person: None if at == NEVER else at
            for person, at in zip(persons[mine].tolist(), due[mine].tolist(), strict=True)
        }
        self._tags.due.put(connection, task.tenant, found)
