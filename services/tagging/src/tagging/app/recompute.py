"""The stream: recomputes the persons that facts touched, in the transaction that stores the facts."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from rules.evaluate.meaning import Value
from servicekit.changelog import Entry
from servicekit.clock import Clock
from servicekit.revision import Lane
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_persons import Clocks, PersonColumns, PersonsToCompute
from tagging.domain.cuts import Cuts
from tagging.domain.definition import Layer
from tagging.domain.kinds.families import TOLD
from tagging.domain.persons import Person
from tagging.domain.recipe import Recipe
from tagging.store.mapping_ports import ReferenceTables
from tagging.store.ports import FactStores
from tagging.store.tag_ports import TagStores

NOTHING: frozenset[int] = frozenset()
CHUNK = 100
"""Persons whom no live event brought, recomputed in one transaction: live events wait for it."""


class RecomputePersons:
    """Computes columns of persons and stores what changed; answers the entries to append.

    The caller appends them, last, in the same transaction. Idempotent: without changes there are no entries.
    """

    def __init__(
        self,
        facts: FactStores,
        references: ReferenceTables,
        tags: TagStores,
        columns: ColumnsInForce,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._references = references
        self._tags = tags
        self._columns = columns
        self._clock = clock
        self._latest: dict[str, datetime] = {}

    def latest(self, tenant: str) -> datetime | None:
        """The latest moment that anybody was computed at since the process began."""
        return self._latest.get(tenant)

    def __call__(
        self,
        connection: Connection,
        tenant: str,
        person_ids: frozenset[int],
        whole: frozenset[int] = NOTHING,
        lane: Lane = Lane.LIVE,
        types: frozenset[str] | None = None,
    ) -> Sequence[Entry]:
        """`Recompute` of the facts: every stream column, or those that events of the types may change. What computes
        everybody meanwhile leaves touched persons out, so then they are computed whole."""
        plan = self._columns.of(connection, tenant)
        columns = plan.stream()
        if types is not None and not self._tags.computations.under_way(connection, tenant):
            columns &= plan.concerned_by(types)
        return self.columns_of(connection, tenant, person_ids, columns, whole)

    def columns_of(
        self,
        connection: Connection,
        tenant: str,
        person_ids: Collection[int],
        columns: Collection[str],
        whole: frozenset[int] = NOTHING,
    ) -> list[Entry]:
        """The given stream columns only; of the persons in `whole` every known value is told."""
        state = self._facts.tenants.get(connection, tenant)
        if state is None or not person_ids:
            return []
        self._facts.tenants.lock(connection, tenant)
        self._tags.computations.touch(connection, tenant, person_ids)
        plan = self._columns.of(connection, tenant)
        ordered = sorted(person_ids)
        known = self._facts.key_map.persons(connection, tenant, ordered)
        living = [known[each] for each in ordered if each in known and known[each].state.is_living]
        gone = set(ordered) - {each.person_id for each in living}
        objecting = {each.person_id for each in living if each.objects}
        needed = None if gone or whole or objecting else _needed(plan, columns)
        stored = self._stored(connection, tenant, ordered, needed)
        found = _withdrawn(plan, stored, objecting)
        given = stored
        if found:
            given = {column: {**values, **found.get(column, {})} for column, values in stored.items()}
        clocks = Clocks.of(state, self._clock.now())
        self._latest[tenant] = max(clocks.now, self._latest.get(tenant, clocks.now))
        computing = self._computing(connection, tenant, plan, living, given, columns, clocks)
        for step in plan.in_order([each for each in columns if each in plan.recipes]):
            for recipe in step:
                values = computing.compute(recipe)
                found[recipe.column] = {
                    each.person_id: value for each, value in zip(living, values, strict=True)
                }
        changes = self._changes(stored, found, gone)
        self._store(connection, tenant, plan, changes, clocks)
        self._tags.catalogue.add_coverage(connection, tenant, _gained(stored, changes, plan.tags))
        if _ages(plan, columns):
            due = computing.due([each for each in plan.recipes.values() if each.stream])
            self._tags.due.put(connection, tenant, {**due, **dict.fromkeys(gone)})
        return self._entries(tenant, stored, changes, found, whole)

    def _computing(
        self,
        connection: Connection,
        tenant: str,
        plan: ColumnPlan,
        living: Sequence[Person],
        stored: dict[str, dict[int, Value | None]],
        columns: Collection[str],
        clocks: Clocks,
    ) -> PersonColumns:
        ids = [each.person_id for each in living]
        types = {name for recipe in self._read_for(plan, columns) for name in recipe.events}
        tables = {name for recipe in plan.recipes.values() for name in recipe.tables}
        tags: dict[int, dict[str, Value]] = {each: {} for each in ids}
        for column, values in stored.items():
            if column not in plan.tags:
                continue
            for person, value in values.items():
                if value is not None and person in tags:
                    tags[person][column] = value
        given = PersonsToCompute(
            persons=living,
            events=self._facts.events.columns_of_persons(connection, tenant, ids, types),
            tags=tags,
            tables=self._references.rows(connection, tenant, tables) if tables else {},
            stated=self._tags.stated.of_persons(connection, tenant, _told(plan, columns), ids),
        )
        return PersonColumns(plan, given, clocks, self.cuts(connection, tenant, plan, columns))

    @staticmethod
    def _read_for(plan: ColumnPlan, columns: Collection[str]) -> list[Recipe]:
        """The columns whose events are read: when any of those to compute ages, all that say when persons are due."""
        if _ages(plan, columns):
            return [each for each in plan.recipes.values() if each.stream]
        return [plan.recipes[each] for each in columns if each in plan.recipes]

    def cuts(
        self, connection: Connection, tenant: str, plan: ColumnPlan, columns: Collection[str]
    ) -> dict[str, Cuts | None]:
        """The latest cuts of the columns that have any."""
        found: dict[str, Cuts | None] = {}
        for column in columns:
            if column in plan.recipes and plan.recipes[column].has_cuts:
                version = plan.tags[column].version
                frozen = self._tags.cuts.latest(connection, tenant, column, version)
                found[column] = frozen.cuts if frozen else None
        return found

    def _stored(
        self, connection: Connection, tenant: str, person_ids: Sequence[int], needed: Collection[str] | None
    ) -> dict[str, dict[int, Value | None]]:
        """What is known of the persons; of the needed columns only, all when None."""
        values = self._tags.values
        columns = [each for each in values.columns(connection, tenant) if needed is None or each in needed]
        return values.values(connection, tenant, columns, person_ids)

    def _changes(
        self,
        stored: dict[str, dict[int, Value | None]],
        found: dict[str, dict[int, Value | None]],
        gone: set[int],
    ) -> dict[str, dict[int, Value | None]]:
        changes: dict[str, dict[int, Value | None]] = {}
        for column, before in stored.items():
            after = found.get(column, {})
            differing = {person: value for person, value in after.items() if before.get(person) != value}
            differing |= {person: None for person in gone if before.get(person) is not None}
            if differing:
                changes[column] = differing
        return changes

    def _store(
        self,
        connection: Connection,
        tenant: str,
        plan: ColumnPlan,
        changes: dict[str, dict[int, Value | None]],
        clocks: Clocks,
    ) -> None:
        daily = {column for column in changes if column in plan.recipes and plan.recipes[column].daily}
        for chosen, as_of in ((daily, clocks.daily), (changes.keys() - daily, clocks.now)):
            part = {column: changes[column] for column in sorted(chosen)}
            if part:
                self._tags.values.put(connection, tenant, part, as_of)

    def _entries(
        self,
        tenant: str,
        stored: dict[str, dict[int, Value | None]],
        changes: dict[str, dict[int, Value | None]],
        found: dict[str, dict[int, Value | None]],
        whole: frozenset[int],
    ) -> list[Entry]:
        told: dict[int, dict[str, Value | None]] = {}
        for column in sorted(stored):
            if whole:
                everything = {**stored[column], **found.get(column, {})}
                for person in whole & everything.keys():
                    told.setdefault(person, {})[column] = everything[person]
            for person, value in changes.get(column, {}).items():
                told.setdefault(person, {})[column] = value
        return [self._tags.entries.values(tenant, person, told[person]) for person in sorted(told)]


def _gained(
    stored: Mapping[str, Mapping[int, Value | None]],
    changes: Mapping[str, Mapping[int, Value | None]],
    tags: Collection[str],
) -> dict[str, int]:
    """How many persons more have a value, by tag."""
    gained = {
        column: sum(
            (value is not None) - (stored[column].get(person) is not None) for person, value in values.items()
        )
        for column, values in changes.items()
        if column in tags
    }
    return {column: count for column, count in gained.items() if count}


def _needed(plan: ColumnPlan, columns: Collection[str]) -> set[str]:
    """The columns whose stored values are read. Of whom any column ages, when all of them do is asked anew, and moments
    may be tags."""
    needed = plan.with_what_they_rest_on(columns) | set(columns)
    if _ages(plan, columns):
        needed.update(*(each.tags for each in plan.recipes.values() if each.stream and each.triggers))
    return needed


def _withdrawn(
    plan: ColumnPlan, stored: Mapping[str, Mapping[int, Value | None]], objecting: Collection[int]
) -> dict[str, dict[int, Value | None]]:
    """Nothing, of whom objects to profiling, in each derived column that the stream does not compute."""
    if not objecting:
        return {}
    derived = {each.tag_id for each in plan.tags.values() if each.definition.layer is not Layer.BASIC}
    return {column: dict.fromkeys(objecting) for column in (derived - plan.stream()) & stored.keys()}


def _ages(plan: ColumnPlan, columns: Collection[str]) -> bool:
    """Whether computing these columns can change when somebody is due."""
    return any(plan.recipes[each].triggers for each in columns if each in plan.recipes)


def _told(plan: ColumnPlan, columns: Collection[str]) -> list[str]:
    return [each for each in columns if each in plan.recipes and isinstance(plan.recipes[each].kind, TOLD)]
