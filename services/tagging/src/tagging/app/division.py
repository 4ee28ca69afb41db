"""Whom a computation has to compute: everybody, or those alone whose stored values may be wrong.

A column that stands is right of everybody but of stale and overdue persons, and of whom a column that it reads changes
in this very computation. Docs: docs/adr/0016.
"""

import datetime as dt
from collections.abc import Collection, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan
from tagging.app.publish_blocks import blocks_of
from tagging.app.snapshot import Snapshot
from tagging.app.task import Task
from tagging.domain.columns import Ints, microseconds, union
from tagging.domain.kinds.families import TOLD
from tagging.domain.kinds.sql import SqlKind
from tagging.domain.recipe import Recipe
from tagging.domain.standing import Standing, digest
from tagging.store.mapping_ports import MappingChanges
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

MOST = 0.3
"""When more of the living than this have to be computed, everybody is: it is cheaper."""


def is_kept(recipe: Recipe) -> bool:
    """Whether the stream keeps a column right of whoever is touched. Statements lapse between two looks, so columns of
    them are computed of everybody, which is little work."""
    return recipe.stream and not isinstance(recipe.kind, (*TOLD, SqlKind))


def standings(plan: ColumnPlan, columns: Collection[str], as_of: dt.datetime) -> dict[str, Standing]:
    """As what these of the columns that are kept may stand, once everybody was computed."""
    versions = {tag_id: tag.version for tag_id, tag in plan.tags.items()}
    found = {}
    for recipe in (plan.recipes[each] for each in columns if each in plan.recipes):
        if is_kept(recipe):
            meaning = digest(recipe, versions, plan.dictionary, profiles=plan.profiles(recipe))
            found[recipe.column] = Standing(meaning, as_of, recipe.tags)
    return found


class StandingNow:
    """Says which columns stand and claims them, in one transaction; and of whom columns that stand may be wrong."""

    def __init__(self, facts: FactStores, tags: TagStores, changes: MappingChanges) -> None:
        self._facts = facts
        self._tags = tags
        self._changes = changes

    def claim(
        self,
        connection: Connection,
        task: Task,
        plan: ColumnPlan,
        columns: Collection[str],
        latest: dt.datetime | None = None,
    ) -> frozenset[str]:
        """Those of the columns that stood at the task's moment; from now on none of them does until it is released.
        `latest`: of the stream's values before it began, as far as it is known."""
        tenant, as_of = task.tenant, task.as_of
        wanted = standings(plan, columns, as_of)
        known = self._tags.standing.all(connection, tenant)
        stood = {
            column
            for column, each in wanted.items()
            if column in known and known[column].digest == each.digest and known[column].as_of <= as_of
        }
        self._tags.standing.fall(connection, tenant, sorted(plan.broken.keys() & known.keys()))
        self._tags.standing.claim(connection, tenant, task.computation_id, wanted)
        if self._is_past(connection, task, latest):
            return frozenset()
        parts = [each.mapped for each in self._changes.waiting(connection).get(tenant, ())]
        return frozenset(stood - plan.reading(parts))

    def concerned(self, connection: Connection, tenant: str, as_of: dt.datetime) -> "Concerned":
        """Stale and overdue persons."""
        stale = self._facts.progress.stale_ids(connection, tenant)
        overdue = self._tags.due.overdue(connection, tenant, microseconds(as_of))
        anyhow = union(overdue, stale.pop(None, np.empty(0, np.int64)))
        return Concerned(anyhow, {types: ids for types, ids in stale.items() if types is not None})

    def _is_past(self, connection: Connection, task: Task, latest: dt.datetime | None) -> bool:
        """Whether stored values may be of later than the moment: the clock was set back."""
        known = self._facts.tenants.get(connection, task.tenant)
        if known is None or known.settings.calendar.day_of(task.as_of) < known.day:
            return True
        return latest is not None and latest > task.as_of


@dataclass(frozen=True)
class Concerned:
    """Persons whose stored values may be wrong, ascending, living or not: in any column, or in those alone that read
    events of some types."""

    anyhow: Ints
    by_types: Mapping[frozenset[str], Ints]

    def kinds(self, recipe: Recipe) -> frozenset[frozenset[str]]:
        """Those of `by_types` that concern a column."""
        return frozenset(
            types for types in self.by_types if recipe.asks_for_latest or not recipe.events.isdisjoint(types)
        )

    def in_columns(self, recipes: Collection[Recipe]) -> Ints:
        """Who may be wrong in any of these, ascending."""
        kinds = frozenset[frozenset[str]]().union(*map(self.kinds, recipes))
        return np.unique(np.concatenate([self.anyhow, *(self.by_types[each] for each in kinds)]))


@dataclass(frozen=True)
class Share:
    """Columns of one step that are computed of the same persons. `among`: of whom, ascending, living or not; None is
    everybody."""

    snapshot: Snapshot
    recipes: Sequence[Recipe]
    among: Ints | None = None


@dataclass
class Division:
    """Divides the columns of each step.

    snapshot   of everybody
    standing   the columns that stand, computed of some alone
    concerned  who may be wrong in them
    cut_anew   whether columns with cuts get new ones: those are computed of everybody
    """

    snapshot: Snapshot
    standing: frozenset[str]
    concerned: Concerned
    cut_anew: bool
    _changed: dict[str, Ints] = field(default_factory=dict)

    @cached_property
    def blocks(self) -> list[int]:
        """Where anybody is."""
        return blocks_of(self.snapshot.persons)

    def shares(self, recipes: Collection[Recipe]) -> Iterator[Share]:
        """Of the columns of a step, after earlier steps were published and `changed` was told. A part of the snapshot
        is open until the next share."""
        alike: dict[Hashable, list[Recipe]] = {}
        rest = [each for each in recipes if not self._is_of_some(each)]
        for each in recipes:
            if self._is_of_some(each):
                alike.setdefault((self.concerned.kinds(each), self._moved(each)), []).append(each)
        for some in alike.values():
            with self.share(some) as share:
                if share.among is None:
                    rest += some
                else:
                    yield share
        if rest:
            yield Share(self.snapshot, rest)

    @contextmanager
    def share(self, recipes: Sequence[Recipe]) -> Iterator[Share]:
        """Of whom any of these columns may be wrong: everybody, when they are many."""
        persons = self.concerned.in_columns(recipes)
        for tag in {tag for each in recipes for tag in self._moved(each)}:
            persons = union(persons, self._changed[tag])
        if len(persons) > MOST * len(self.snapshot.persons):
            yield Share(self.snapshot, recipes)
            return
        with self.snapshot.among(persons) as part:
            yield Share(part, recipes, persons)

    def changed(self, column: str, person_ids: Ints) -> None:
        """What was published changed the values of these, ascending. Kept of columns alone that others are computed of
        some by."""
        if column not in self._read:
            return
        known = self._changed.get(column)
        self._changed[column] = person_ids if known is None else union(known, person_ids)

    @cached_property
    def _read(self) -> frozenset[str]:
        """The tags that columns read which may be computed of some: those that stand, or age."""
        recipes = self.snapshot.plan.recipes.values()
        may = [each for each in recipes if each.triggers or each.column in self.standing]
        return frozenset(tag for each in may for tag in each.tags)

    def _moved(self, recipe: Recipe) -> frozenset[str]:
        """The tags that a column reads and that changed somebody."""
        return frozenset(tag for tag in recipe.tags & self._changed.keys() if len(self._changed[tag]))

    def _is_of_some(self, recipe: Recipe) -> bool:
        return recipe.column in self.standing and not (self.cut_anew and recipe.has_cuts)
