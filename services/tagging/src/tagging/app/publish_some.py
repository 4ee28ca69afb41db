"""Publishes what was computed of some persons: it is written before the transactions that name it, which take a stretch
of blocks each."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from servicekit.changelog import Entry
from servicekit.database import Database
from sqlalchemy import Connection
from tagging.app.snapshot import Computed
from tagging.app.task import Task
from tagging.domain.columns import BLOCK_BITS, Ints, texts_of
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores
from tagging.store.value_ports import StagedColumn

STRETCH = 8
"""Blocks of one transaction: some milliseconds, for which live facts wait."""


class PublishedSome(NamedTuple):
    """The entries to append, and whose value changed, ascending."""

    entries: Sequence[Entry]
    changed: Ints


class PublishSome:
    """Leaves whoever was touched since the computation began what the stream gave: of a column that it computes."""

    def __init__(self, database: Database, facts: FactStores, tags: TagStores) -> None:
        self._database = database
        self._facts = facts
        self._tags = tags

    def staged(self, task: Task, computed: Computed, among: Ints) -> Iterator[StagedColumn]:
        """The column of `among` (ascending, living or not), in stretches to name one after the other. Who does not name
        all of them, or dies, leaves files that the next start sweeps."""
        recipe, codes = computed.recipe, {}
        if texts := texts_of(computed.values, recipe.shape):
            codes = self._database.write_now(self._codes, task.tenant, recipe.column, texts)
        column = self._database.read_now(
            self._tags.staged.stage,
            task.tenant,
            recipe.column,
            computed.persons,
            computed.values,
            codes,
            computed.as_of,
            among,
        )
        for start in range(0, len(column.blocks), STRETCH):
            blocks = column.blocks[start : start + STRETCH]
            of_blocks = column.superseded >> BLOCK_BITS
            superseded = column.superseded[(of_blocks >= blocks[0].block) & (of_blocks <= blocks[-1].block)]
            # Only with the last one can it be told whether anything of the file was named.
            yield replace(column, blocks=blocks, standing=(), superseded=superseded, written="")
        yield replace(column, blocks=(), superseded=column.superseded[:0])

    def put_in_force(self, connection: Connection, task: Task, stretch: StagedColumn) -> PublishedSome | None:
        """In the caller's transaction, which holds the tenant's lock; None when the column was dropped meanwhile."""
        tenant, column = task.tenant, stretch.column
        keep = self._tags.computations.touched(connection, tenant, task.computation_id)
        changes = self._tags.staged.put_in_force(connection, tenant, stretch, keep)
        if changes is None:
            return None
        entries: list[Entry] = []
        changed, gained = [np.empty(0, np.int64)], 0
        for change in changes:
            entries += self._tags.entries.blocks(tenant, change)
            gained += change.new.known_count - change.old.known_count
            changed.append(change.old.persons)
        entries += self._tags.entries.stood(tenant, column, stretch.standing)
        if gained:
            self._tags.catalogue.add_coverage(connection, tenant, {column: gained})
        return PublishedSome(entries, np.concatenate(changed))

    def _codes(self, connection: Connection, tenant: str, column: str, texts: set[str]) -> dict[str, int]:
        self._facts.tenants.lock(connection, tenant)
        return dict(self._tags.staged.codes(connection, tenant, column, texts))
