"""Columns that are put in force together: each is written to files as soon as it is computed, one transaction names
these."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from rules.values import Kind
from servicekit.changelog import Changelog, Entry
from servicekit.database import Database
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.snapshot import Computed
from tagging.app.task import Task
from tagging.domain.columns import Ints, texts_of
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.recipe import Recipe
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores
from tagging.store.value_ports import BlockChange, StagedColumn

MOST_AHEAD_BYTES = 512 * 1024**2
"""Of entries that are ready before the transaction begins: live facts wait for what it renders itself."""


class _Staged(NamedTuple):
    """`ahead`: the entries of blocks, as they are when nobody is touched before they are appended."""

    recipe: Recipe
    column: StagedColumn
    ahead: Mapping[int, Sequence[Entry]]


class StagedColumns:
    """The columns of one task. Nothing of them stays in memory but where they are."""

    def __init__(
        self, database: Database, changelog: Changelog, facts: FactStores, tags: TagStores, task: Task
    ) -> None:
        self._database = database
        self._changelog = changelog
        self._facts = facts
        self._tags = tags
        self._task = task
        self._staged: list[_Staged] = []
        self._ahead_bytes = 0
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
        ahead: dict[int, Sequence[Entry]] = {}
        self._staged.append(_Staged(recipe, column, ahead))
        # An entry of a tag is counted as a use when it is rendered.
        if recipe.column.startswith(FEATURE_PREFIX) and recipe.shape.base is not Kind.TEXT:
            self._database.read_now(self._render, column, ahead)

    def put_in_force(
        self, connection: Connection, in_force: ColumnPlan, last: Entry, *, lane: Lane = Lane.BULK
    ) -> list[str]:
        """Last, in a transaction that holds the tenant's lock: all or nothing, with the entries of what changed and
        then `last`. A column that was redefined or dropped meanwhile is left out, and whoever was touched keeps the
        stream's value. The columns."""
        tenant = self._task.tenant
        keep = self._tags.computations.touched(connection, tenant, self._task.computation_id)
        told: list[tuple[_Staged, Iterator[BlockChange]]] = []
        for each in self._staged:
            if in_force.recipes.get(each.recipe.column) == each.recipe:
                changes = self._tags.staged.put_in_force(connection, tenant, each.column, keep, each.ahead)
                if changes is not None:
                    told.append((each, changes))
        for each, changes in told:  # one at a time: entries of all would not fit in memory
            self._changelog.append(connection, lane, self._entries(connection, each, changes))
        self._changelog.append(connection, lane, [last])
        self._is_offered = True
        return [each.recipe.column for each, _ in told]

    def _codes(self, connection: Connection, column: str, texts: set[str]) -> dict[str, int]:
        self._facts.tenants.lock(connection, self._task.tenant)
        return dict(self._tags.staged.codes(connection, self._task.tenant, column, texts))

    def _render(
        self, connection: Connection, column: StagedColumn, ahead: dict[int, Sequence[Entry]]
    ) -> None:
        """The entries of as many blocks as there is room for."""
        for change in self._tags.staged.changes(connection, self._task.tenant, column):
            if self._ahead_bytes >= MOST_AHEAD_BYTES:
                return
            entries = self._tags.entries.blocks(self._task.tenant, change)
            ahead[change.block] = entries
            self._ahead_bytes += sum(len(each.payload) for each in entries if isinstance(each.payload, bytes))

    def _entries(
        self, connection: Connection, staged: _Staged, changes: Iterator[BlockChange]
    ) -> list[Entry]:
        tenant, column, gained = self._task.tenant, staged.column.column, 0
        found = dict(staged.ahead)
        for change in changes:
            gained += change.new.known_count - change.old.known_count
            found[change.block] = self._tags.entries.blocks(tenant, change)
        if gained:
            self._tags.catalogue.add_coverage(connection, tenant, {column: gained})
        entries = [entry for block in sorted(found) for entry in found[block]]
        return [*entries, *self._tags.entries.stood(tenant, column, staged.column.standing)]
