"""Columns that are put in force together: each is written to files as soon as it is computed, one transaction names
these."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from servicekit.changelog import Changelog, Entry
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.snapshot import Computed
from tagging.app.task import Task
from tagging.domain.columns import Ints, texts_of
from tagging.domain.recipe import Recipe
from tagging.store.tag_ports import TagStores
from tagging.store.value_ports import BlockChange, StagedColumn


class _Staged(NamedTuple):
    recipe: Recipe
    column: StagedColumn


class StagedColumns:
    """The columns of one task. Nothing of them stays in memory but where they are."""

    def __init__(self, database: Database, changelog: Changelog, tags: TagStores, task: Task) -> None:
        self._database = database
        self._changelog = changelog
        self._tags = tags
        self._task = task
        self._staged: list[_Staged] = []
        self._is_offered = False

    @contextmanager
    def held(self) -> Iterator["StagedColumns"]:
        """Removes what was written when it was never offered to be committed. Afterwards nobody can tell what became of
        a transaction that broke off: what it did not name goes at the next start."""
        try:
            yield self
        finally:
            if not self._is_offered:
                for each in self._staged:
                    self._tags.staged.discard(each.column)

    def add(self, computed: Computed, among: Ints | None) -> None:
        """What was computed, of all or `among` some persons (ascending, living or not)."""
        recipe, tenant = computed.recipe, self._task.tenant
        codes = {}
        if texts := texts_of(computed.values, recipe.shape):
            codes = self._database.write_now(self._codes, recipe.column, texts)
        column = self._database.read_now(
            self._tags.staged.stage,
            tenant,
            recipe.column,
            computed.persons,
            computed.values,
            codes,
            computed.as_of,
            among,
        )
        self._staged.append(_Staged(recipe, column))

    def put_in_force(
        self, connection: Connection, in_force: ColumnPlan, last: Entry, *, lane: Lane = Lane.BULK
    ) -> list[str]:
        """Last, in a transaction that holds the tenant's lock: all or nothing, with the entries of what changed and
        then `last`. A column that was redefined or dropped meanwhile is left out, and whoever was touched keeps the
        stream's value. The columns."""
        tenant = self._task.tenant
        keep = self._tags.computations.touched(connection, tenant, self._task.computation_id)
        told: dict[str, Iterator[BlockChange]] = {}
        standing: dict[str, list[Entry]] = {}
        for recipe, staged in self._staged:
            if in_force.recipes.get(recipe.column) == recipe:
                changes = self._tags.staged.put_in_force(connection, tenant, staged, keep)
                if changes is not None:
                    told[recipe.column] = changes
                    standing[recipe.column] = self._tags.entries.stood(tenant, recipe.column, staged.standing)
        for column, changes in told.items():  # one at a time: entries of all would not fit in memory
            entries = [*self._entries(connection, column, changes), *standing[column]]
            self._changelog.append(connection, lane, entries)
        self._changelog.append(connection, lane, [last])
        self._is_offered = True
        return list(told)

    def _codes(self, connection: Connection, column: str, texts: set[str]) -> dict[str, int]:
        return dict(self._tags.staged.codes(connection, self._task.tenant, column, texts))

    def _entries(
        self, connection: Connection, column: str, changes: Iterator[BlockChange]
    ) -> Iterator[Entry]:
        gained = 0
        for change in changes:
            gained += change.new.known_count - change.old.known_count
            yield from self._tags.entries.blocks(self._task.tenant, change)
        if gained:
            self._tags.catalogue.add_coverage(connection, self._task.tenant, {column: gained})
