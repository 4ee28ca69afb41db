"""Publishes what was computed block by block, each in the caller's transaction, which holds the tenant's lock."""

from dataclasses import dataclass

import numpy as np
from servicekit.changelog import Entry
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.snapshot import Computed, Snapshot
from tagging.app.task import Task
from tagging.domain.columns import BLOCK_BITS, Ints, Vector
from tagging.domain.recipe import Recipe
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores


@dataclass(frozen=True)
class PublishedBlock:
    """The entries to append, and whose value changed, ascending."""

    entries: list[Entry]
    changed: Ints


class PublishBlocks:
    """Leaves whoever was touched since the computation began what the stream gave, in columns that it computes."""

    def __init__(self, facts: FactStores, tags: TagStores) -> None:
        self._facts = facts
        self._tags = tags

    def block(
        self,
        connection: Connection,
        task: Task,
        snapshot: Snapshot,
        computed: Computed,
        block: int,
    ) -> PublishedBlock:
        """One block, of everybody."""
        touched = self._tags.computations.touched(connection, task.tenant, task.computation_id)
        keep = touched[touched >> BLOCK_BITS == block]
        if not computed.recipe.stream:  # nobody computes those touched anew: this is the value
            derived = snapshot.plan.profiles(computed.recipe)
            keep = self._withdrawn(connection, task.tenant, keep, derived=derived)
        of_block = _of_block(computed.persons, block)
        persons = computed.persons[of_block]
        values = Vector(computed.values.known[of_block], computed.values.data[of_block])
        change = self._tags.values.publish(
            connection,
            task.tenant,
            computed.recipe.column,
            block,
            persons,
            values,
            keep,
            computed.as_of,
        )
        if gained := change.new.known_count - change.old.known_count:
            self._tags.catalogue.add_coverage(connection, task.tenant, {computed.recipe.column: gained})
        return PublishedBlock(self._tags.entries.blocks(task.tenant, change), change.old.persons)

    def freeze(self, connection: Connection, task: Task, plan: ColumnPlan, computed: Computed) -> None:
        """Keeps the cuts of a run, from which on the stream uses them."""
        if task.run_id and computed.cuts is not None:
            recipe: Recipe = computed.recipe
            version = plan.tags[recipe.column].version
            self._tags.cuts.add(
                connection, task.tenant, recipe.column, version, task.run_id, task.as_of, computed.cuts
            )

    def _withdrawn(self, connection: Connection, tenant: str, person_ids: Ints, *, derived: bool) -> Ints:
        """Those of the persons who live no more, or object to what is derived."""
        known = self._facts.key_map.persons(connection, tenant, person_ids.tolist())
        staying = [
            each.person_id
            for each in known.values()
            if each.state.is_living and not (derived and each.objects)
        ]
        return person_ids[~np.isin(person_ids, staying)]


def _of_block(persons: Ints, block: int) -> slice:
    """Where those of a block stand among ascending persons."""
    bounds = np.array([block, block + 1], np.int64) << BLOCK_BITS
    return slice(*np.searchsorted(persons, bounds).tolist())


def blocks_of(persons: Ints) -> list[int]:
    """The blocks where persons (ascending) are."""
    blocks = persons >> BLOCK_BITS
    first = np.ones(len(blocks), np.bool_)
    np.not_equal(blocks[1:], blocks[:-1], out=first[1:])
    found: list[int] = blocks[first].tolist()
    return found
