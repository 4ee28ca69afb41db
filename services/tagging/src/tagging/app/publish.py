"""Computes columns of everybody and publishes them block by block, beside the stream.

A person whom the stream touches after the snapshot keeps the stream's value. Such persons are computed once
more at the end, by the stream's own means, because cuts and inputs may have changed under them meanwhile.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence, Set
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import perf_counter
from typing import Protocol

import numpy as np
from servicekit.changelog import Changelog, Entry
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.evaluate_everybody import Everybody
from tagging.app.evaluate_persons import Clocks
from tagging.app.recompute import RecomputePersons
from tagging.app.snapshot import Computed, Snapshot
from tagging.domain.ageing import NEVER
from tagging.domain.columns import BLOCK_BITS, Ints, Vector, microseconds
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment
from tagging.domain.recipe import Recipe
from tagging.domain.run_failures import OVERTAKEN, Failure, broken
from tagging.domain.tenants import TenantSettings
from tagging.store.ports import FactStores
from tagging.store.tag_ports import Cost, TagStores

CHUNK = 500
"""Touched persons of one transaction."""
DUE_CHUNK = 5_000
PART_BYTES = 1_024 * 1024**2
"""What the columns of a part weigh, at most, unless it is one column."""
SLOT_BYTES = 40
"""Of one person in one column, with the answers that it was decided from, about."""


class Watcher(Protocol):
    """Who waits for a computation."""

    def begun(self, as_of: dt.datetime, columns: Collection[str]) -> None:
        """These columns are computed, at this moment."""
        ...

    def published(self, column: str, known_count: int, cost: Cost) -> None:
        """A column stands, and what it took."""
        ...

    def failed(self, column: str, failure: Failure) -> None: ...

    def stops(self) -> bool:
        """Whether to stop before the next column."""
        ...


class _Silence:
    """Nobody waits."""

    def begun(self, as_of: dt.datetime, columns: Collection[str]) -> None: ...

    def published(self, column: str, known_count: int, cost: Cost) -> None: ...

    def failed(self, column: str, failure: Failure) -> None: ...

    def stops(self) -> bool:
        return False


SILENT: Watcher = _Silence()
ColumnChoice = Callable[[ColumnPlan], Collection[str]]


@dataclass(frozen=True)
class Task:
    """A computation under way: whoever is touched since it began is recorded, and `as_of` is not before that, so
    nothing falls between. `run_id` names the run whose cuts are frozen; "" freezes none and uses the latest."""

    tenant: str
    computation_id: str
    as_of: dt.datetime
    run_id: str = ""


@dataclass
class Outcome:
    """`revision` covers everything published; None when nothing changed."""

    coverage: dict[str, int] = field(default_factory=dict)
    failures: dict[str, Failure] = field(default_factory=dict)
    revision: Revision | None = None
    stopped: bool = False
    rows_read: int = 0


class ComputeEverybody:
    """Blocks while it computes: call it in a thread, one task per tenant at a time."""

    def __init__(
        self,
        database: Database,
        changelog: Changelog,
        everybody: Everybody,
        facts: FactStores,
        tags: TagStores,
        columns: ColumnsInForce,
        recompute: RecomputePersons,
        clock: Clock,
    ) -> None:
        self._clock = clock
        self._database = database
        self._changelog = changelog
        self._everybody = everybody
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._recompute = recompute
        self._stopping = Event()

    def stop(self) -> None:
        """The process ends: what computes raises Interrupted before its next column. From any thread."""
        self._stopping.set()

    @contextmanager
    def begin(self, tenant: str, why: str, run_id: str = "") -> Iterator[Task]:
        """A task until the block ends. `why` names the computation, together with the machine's time."""
        computation_id = f"{why}-{microseconds(self._clock.machine_now())}"
        self._database.write_now(self._tags.computations.begin, tenant, computation_id)
        try:
            yield Task(tenant, computation_id, self._clock.now(), run_id)
        finally:
            self._database.write_now(self._tags.computations.end, tenant, computation_id)

    def __call__(
        self, tenant: str, why: str, columns: ColumnChoice, watcher: Watcher, *, run_id: str = ""
    ) -> Outcome:
        outcome = Outcome()
        with self.begin(tenant, why, run_id) as task:
            plan = self._database.read_now(self._columns.of, tenant)
            seen = self._database.read_now(self._facts_seen, tenant)
            chosen = set(columns(plan))
            watcher.begun(task.as_of, chosen)
            wanted = chosen & plan.recipes.keys()
            for column in sorted(chosen & plan.broken.keys()):
                self._fail(outcome, watcher, column, broken(plan.broken[column]))
            with self._everybody.snapshot(tenant, wanted | ageing(plan)) as snapshot:
                self._compute(task, snapshot, wanted, outcome, watcher)
                if not outcome.stopped:
                    self.store_due(task, snapshot, ageing(plan))
                outcome.rows_read = snapshot.rows_read
            self.settle_touched(task, outcome)
            if not outcome.stopped and not outcome.failures and wanted >= plan.stream():
                self._database.write_now(self._forget_stale, tenant, seen)
        return outcome

    def _facts_seen(
        self, connection: Connection, tenant: str
    ) -> tuple[Revision | None, TenantSettings | None]:
        """What makes persons stale: facts of the bulk lane, and other settings of the tenant."""
        cursor, state = self._facts.progress.cursor(connection), self._facts.tenants.get(connection, tenant)
        return (cursor.only(Lane.BULK) if cursor else None), (state.settings if state else None)

    def _compute(
        self, task: Task, snapshot: Snapshot, wanted: set[str], outcome: Outcome, watcher: Watcher
    ) -> None:
        clocks = Clocks.of(snapshot.tenant, task.as_of)
        cuts = self.latest_cuts(task.tenant, snapshot.plan, wanted)
        snapshot.stops = lambda: self._stopping.is_set() or watcher.stops()
        for moment, step in _at_moments(clocks, snapshot.plan.in_order(wanted), len(snapshot.persons)):
            if watcher.stops():
                outcome.stopped = True
                return
            started = perf_counter()
            computed, failures = snapshot.compute(step, moment, cuts, freeze=bool(task.run_id))
            share_s = (perf_counter() - started) / len(step)
            for column, failure in failures.items():
                self._fail(outcome, watcher, column, failure)
            for each in computed:
                if self._stopping.is_set():
                    raise Interrupted("the service stops")
                if watcher.stops():
                    outcome.stopped = True
                    return
                self._publish(task, snapshot, each, outcome, watcher, share_s)

    def _publish(
        self,
        task: Task,
        snapshot: Snapshot,
        computed: Computed,
        outcome: Outcome,
        watcher: Watcher,
        share_s: float,
    ) -> None:
        """`share_s`: what computing took of the step that it was computed in."""
        column = computed.recipe.column
        started = perf_counter()
        try:
            present = self._database.read_now(self._tags.values.blocks, task.tenant, column)
            for number, block in enumerate(blocks_of(snapshot, present) or [0]):
                done = self._database.write_now(
                    self._publish_block, task, snapshot, computed, block, first=number == 0
                )
                outcome.revision = _later(outcome.revision, done)
            known = self._database.write_now(self._set_coverage, task.tenant, column)
        except Overtaken:
            self._fail(outcome, watcher, column, OVERTAKEN)
            return
        outcome.coverage[column] = known
        milliseconds = round((share_s + perf_counter() - started) * 1_000)
        watcher.published(column, known, Cost(milliseconds, snapshot.rows_of(computed.recipe)))

    def latest_cuts(self, tenant: str, plan: ColumnPlan, columns: Collection[str]) -> dict[str, Cuts | None]:
        """The cuts in force of the columns that have any."""
        return self._database.read_now(self._recompute.cuts, tenant, plan, columns)

    def _publish_block(
        self,
        connection: Connection,
        task: Task,
        snapshot: Snapshot,
        computed: Computed,
        block: int,
        *,
        first: bool,
    ) -> Revision:
        self._facts.tenants.lock(connection, task.tenant)
        self._require_unchanged(connection, task.tenant, snapshot.plan, computed.recipe)
        if first and task.run_id and computed.cuts is not None:
            self._freeze(connection, task, snapshot.plan, computed.recipe, computed.cuts)
        entries = self.block_entries(connection, task, snapshot, computed, block)
        return self._changelog.append(connection, Lane.BULK, entries)

    def block_entries(
        self, connection: Connection, task: Task, snapshot: Snapshot, computed: Computed, block: int
    ) -> list[Entry]:
        """Publishes one block in the caller's transaction, which holds the tenant's lock."""
        touched = self._tags.computations.touched(connection, task.tenant, task.computation_id)
        keep = touched[touched >> BLOCK_BITS == block]
        if not computed.recipe.stream:  # nobody computes those touched anew: this is the value
            derived = snapshot.plan.profiles(computed.recipe)
            keep = self._withdrawn(connection, task.tenant, keep, derived=derived)
        bounds = np.array([block, block + 1], np.int64) << BLOCK_BITS
        of_block = slice(*np.searchsorted(snapshot.persons, bounds).tolist())
        values = Vector(computed.values.known[of_block], computed.values.data[of_block])
        change = self._tags.values.publish(
            connection,
            task.tenant,
            computed.recipe.column,
            block,
            snapshot.persons[of_block],
            values,
            keep,
            computed.as_of,
        )
        return self._tags.entries.blocks(task.tenant, change)

    def _withdrawn(self, connection: Connection, tenant: str, person_ids: Ints, *, derived: bool) -> Ints:
        """Those of the persons who live no more, or object to what is derived."""
        known = self._facts.key_map.persons(connection, tenant, person_ids.tolist())
        staying = [
            each.person_id
            for each in known.values()
            if each.state.is_living and not (derived and each.objects)
        ]
        return person_ids[~np.isin(person_ids, staying)]

    def _require_unchanged(
        self, connection: Connection, tenant: str, plan: ColumnPlan, recipe: Recipe
    ) -> None:
        now = self._columns.of(connection, tenant)
        if now is plan:
            return
        before, after = plan.tags.get(recipe.column), now.tags.get(recipe.column)
        version_before, version_after = (each.version if each else 0 for each in (before, after))
        if now.recipes.get(recipe.column) != recipe or version_before != version_after:
            raise Overtaken(recipe.column)

    def _freeze(
        self, connection: Connection, task: Task, plan: ColumnPlan, recipe: Recipe, cuts: Cuts
    ) -> None:
        version = plan.tags[recipe.column].version
        self._tags.cuts.add(connection, task.tenant, recipe.column, version, task.run_id, task.as_of, cuts)

    def _set_coverage(self, connection: Connection, tenant: str, column: str) -> int:
        known = self._tags.values.known_count(connection, tenant, column)
        self._tags.catalogue.set_coverage(connection, tenant, column, known)
        return known

    def store_due(self, task: Task, snapshot: Snapshot, columns: Set[str]) -> None:
        """When everybody is due next, by all columns that age, whatever was computed. Who is overdue even so is
        gone, or was due for a column that is. The snapshot was taken for these columns too."""
        recipes = [snapshot.plan.recipes[each] for each in sorted(columns & snapshot.plan.recipes.keys())]
        if recipes:
            due = snapshot.due(recipes, Moment(task.as_of, snapshot.tenant.settings.calendar))
            for start in range(0, len(due), DUE_CHUNK):
                part = slice(start, start + DUE_CHUNK)
                self._database.write_now(self._put_due, task, snapshot.persons[part], due[part])
        self._database.write_now(self._tags.due.forget, task.tenant, microseconds(task.as_of))

    def _put_due(self, connection: Connection, task: Task, persons: Ints, due: Ints) -> None:
        self._facts.tenants.lock(connection, task.tenant)
        touched = self._tags.computations.touched(connection, task.tenant, task.computation_id)
        mine = ~np.isin(persons, touched)
        found: Mapping[int, int | None] = {
            person: None if at == NEVER else at
            for person, at in zip(persons[mine].tolist(), due[mine].tolist(), strict=True)
        }
        self._tags.due.put(connection, task.tenant, found)

    def settle_touched(self, task: Task, outcome: Outcome) -> None:
        """Computes once more whoever was touched meanwhile, by the stream's means."""
        touched = self._database.read_now(
            self._tags.computations.touched, task.tenant, task.computation_id
        ).tolist()
        for start in range(0, len(touched), CHUNK):
            chunk = frozenset(touched[start : start + CHUNK])
            done = self._database.write_now(self._recompute_chunk, task.tenant, chunk)
            outcome.revision = _later(outcome.revision, done)

    def _recompute_chunk(self, connection: Connection, tenant: str, chunk: frozenset[int]) -> Revision:
        entries = self._recompute(connection, tenant, chunk, frozenset(), Lane.BULK)
        return self._changelog.append(connection, Lane.BULK, list(entries))

    def _forget_stale(
        self, connection: Connection, tenant: str, seen: tuple[Revision | None, TenantSettings | None]
    ) -> None:
        """Nobody is stale of facts that the snapshot held; unless more came meanwhile, which leave no trace on
        who was stale already."""
        if seen[0] is not None and self._facts_seen(connection, tenant) == seen:
            self._facts.progress.remove_stale(connection, tenant, None)

    @staticmethod
    def _fail(outcome: Outcome, watcher: Watcher, column: str, failure: Failure) -> None:
        outcome.failures[column] = failure
        watcher.failed(column, failure)


class Interrupted(Exception):
    """The process ends before the computation does; it starts over after the next start."""


class Overtaken(Exception):
    """What was computed is of a definition that is no longer in force."""


def ageing(plan: ColumnPlan) -> set[str]:
    """The stream columns that change by themselves between midnights."""
    return {column for column in plan.stream() if plan.recipes[column].triggers}


def _at_moments(
    clocks: Clocks, steps: Iterable[Sequence[Recipe]], persons: int
) -> Iterator[tuple[Moment, Sequence[Recipe]]]:
    """Each step, in two parts when the day is over and has not rolled: its windows still stand at its end. Parts are
    bounded by what their columns weigh."""
    for step in steps:
        by_moment: dict[Moment, list[Recipe]] = {}
        for recipe in step:
            by_moment.setdefault(clocks.moment(recipe), []).append(recipe)
        for moment, recipes in by_moment.items():
            for part in parts_of(recipes, persons):
                yield moment, part


def parts_of(recipes: Iterable[Recipe], persons: int) -> Iterator[list[Recipe]]:
    """Recipes in portions whose values fit in memory together; those about the same events follow each other."""
    ordered = sorted(recipes, key=lambda each: (len(each.events), sorted(each.events)))
    size = max(1, PART_BYTES // (max(persons, 1) * SLOT_BYTES))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def blocks_of(snapshot: Snapshot, present: Collection[int]) -> list[int]:
    """The blocks to publish: where persons are, and where values were."""
    blocks = snapshot.persons >> BLOCK_BITS  # ascending
    first = np.ones(len(blocks), np.bool_)
    np.not_equal(blocks[1:], blocks[:-1], out=first[1:])
    return sorted({*present, *blocks[first].tolist()})


def _later(known: Revision | None, new: Revision) -> Revision:
    return new if known is None else known.merge(new)
