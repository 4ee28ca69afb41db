"""Computes columns of everybody and publishes them block by block, beside the stream.

A person whom the stream touches after the snapshot keeps the stream's value. Such persons are computed once
more at the end, by the stream's own means, because cuts and inputs may have changed under them meanwhile.
"""

import datetime as dt
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Event
from time import perf_counter
from typing import Protocol

import numpy as np
from servicekit.changelog import Changelog
from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.revision import Lane, Revision
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.division import Concerned, Division, Share, StandingNow
from tagging.app.evaluate_everybody import Everybody
from tagging.app.evaluate_persons import Clocks
from tagging.app.publish_blocks import PublishBlocks, PublishedBlock
from tagging.app.publish_some import PublishSome
from tagging.app.recompute import CHUNK, RecomputePersons
from tagging.app.snapshot import Computed
from tagging.app.store_due import StoreDue
from tagging.app.task import Task
from tagging.domain.columns import Ints, microseconds
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment
from tagging.domain.recipe import Recipe
from tagging.domain.retention import EventHorizon
from tagging.domain.run_failures import OVERTAKEN, Failure, broken
from tagging.domain.tenants import TenantSettings
from tagging.store.mapping_ports import MappingChanges
from tagging.store.ports import FactStores
from tagging.store.tag_ports import Cost, TagStores
from tagging.store.value_ports import StagedColumn

HELD_S = 0.01
"""After which a transaction takes no further block: live facts wait for it."""
PART_BYTES = 1_024 * 1024**2
"""What the columns of a part weigh, at most, unless it is one column."""
SLOT_BYTES = 40
"""Of one person in one column, with the answers that it was decided from, about."""


class Watcher(Protocol):
    """Who waits for a computation."""

    def begun(self, as_of: dt.datetime, columns: Collection[str]) -> None:
        """These columns are computed, at this moment."""
        ...

    def published(self, column: str, known_count: int, person_count: int, cost: Cost) -> None:
        """A column is there, of how many persons a value is known and how many were computed, and what it took."""
        ...

    def failed(self, column: str, failure: Failure) -> None: ...

    def stops(self) -> bool:
        """Whether to stop before the next column."""
        ...


class _Silence:
    """Nobody waits."""

    def begun(self, as_of: dt.datetime, columns: Collection[str]) -> None: ...

    def published(self, column: str, known_count: int, person_count: int, cost: Cost) -> None: ...

    def failed(self, column: str, failure: Failure) -> None: ...

    def stops(self) -> bool:
        return False


SILENT: Watcher = _Silence()
ColumnChoice = Callable[[ColumnPlan], Collection[str]]
FactsSeen = tuple[Revision | None, TenantSettings | None, EventHorizon]


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
        changes: MappingChanges,
        horizon: Callable[[Connection, str], EventHorizon],
    ) -> None:
        """`horizon`: of a tenant, from which on its events count."""
        self._clock = clock
        self._database = database
        self._changelog = changelog
        self._everybody = everybody
        self._facts = facts
        self._tags = tags
        self._columns = columns
        self._recompute = recompute
        self._horizon = horizon
        self._standing = StandingNow(facts, tags, changes)
        self._blocks = PublishBlocks(facts, tags)
        self._some = PublishSome(database, facts, tags)
        self.store_due = StoreDue(database, facts, tags)
        self._stopping = Event()

    def stop(self) -> None:
        """The process ends: what computes raises Interrupted before its next column. From any thread."""
        self._stopping.set()

    @contextmanager
    def begin(self, tenant: str, why: str, run_id: str = "") -> Iterator[Task]:
        """A task until the block ends. `why` names the computation, together with the machine's time. Whom a task that
        fails did not settle is stale."""
        computation_id = f"{why}-{microseconds(self._clock.machine_now())}"
        self._database.write_now(self._tags.computations.begin, tenant, computation_id)
        try:
            yield Task(tenant, computation_id, self._clock.now(), run_id)
        except BaseException:
            self._database.write_now(self._break_off, tenant, computation_id)
            raise
        self._database.write_now(self._tags.computations.end, tenant, computation_id)

    def end_dead(self, connection: Connection) -> None:
        """At start-up: whom computations that died with the process did not settle is stale."""
        for tenant, touched in self._tags.computations.end_all(connection).items():
            self._leave_stale(connection, tenant, touched)

    def __call__(
        self,
        tenant: str,
        why: str,
        columns: ColumnChoice,
        watcher: Watcher,
        *,
        run_id: str = "",
        everybody: bool = False,
    ) -> Outcome:
        """`everybody`: also in columns that stand, of which else only those persons are computed who may be wrong."""
        outcome = Outcome()
        latest = self._database.read_now(self.streamed_at, tenant)
        with self.begin(tenant, why, run_id) as task:
            seen = self._database.read_now(self._facts_seen, tenant)
            plan, chosen, standing = self._database.write_now(self.claim, task, columns, latest)
            watcher.begun(task.as_of, chosen)
            wanted = chosen & plan.recipes.keys()
            for column in sorted(chosen & plan.broken.keys()):
                self._fail(outcome, watcher, column, broken(plan.broken[column]))
            concerned = self.concerned(task)
            with self._everybody.snapshot(tenant, wanted | ageing(plan)) as snapshot:
                # Columns of another plan than was looked at are computed of everybody.
                stands = standing if snapshot.plan is plan and not everybody else frozenset()
                division = Division(snapshot, stands, concerned, cut_anew=bool(run_id))
                self._compute(task, division, wanted, outcome, watcher)
                if not outcome.stopped:
                    self._store_due(task, division, wanted)
                outcome.rows_read = snapshot.rows_read
            self.settle_touched(task, outcome)
            if not outcome.stopped:
                self.release(task, outcome.coverage)
            if not outcome.stopped and not outcome.failures and wanted >= plan.stream():
                self._database.write_now(self._forget_stale, tenant, seen)
        return outcome

    def _break_off(self, connection: Connection, tenant: str, computation_id: str) -> None:
        touched = self._tags.computations.touched(connection, tenant, computation_id)
        self._leave_stale(connection, tenant, touched.tolist())
        self._tags.computations.end(connection, tenant, computation_id)

    def _leave_stale(self, connection: Connection, tenant: str, touched: Collection[int]) -> None:
        """They kept the stream's values, of the day, the cuts and the inputs before what was put in force."""
        self._facts.tenants.lock(connection, tenant)
        cursor = self._facts.progress.cursor(connection)
        position = 1 if cursor is None else cursor.bulk + 1  # during a bootstrap, which computes them
        self._facts.progress.add_stale(connection, tenant, touched, position)

    def streamed_at(self, connection: Connection, tenant: str) -> dt.datetime | None:
        """The latest moment of the stream's values that is known. The plan is compiled here, where nobody waits."""
        self._columns.of(connection, tenant)
        return self._recompute.latest(tenant) or self._tags.values.latest_put(connection, tenant)

    def claim(
        self, connection: Connection, task: Task, columns: ColumnChoice, latest: dt.datetime | None
    ) -> tuple[ColumnPlan, set[str], frozenset[str]]:
        """The plan in force, the columns chosen of it, and those of them that stood: no chosen one does until it is
        released. `latest`: as `streamed_at` answered before the task began."""
        self._facts.tenants.lock(connection, task.tenant)
        plan = self._columns.of(connection, task.tenant)
        chosen = set(columns(plan))
        return plan, chosen, self._standing.claim(connection, task, plan, chosen, latest)

    def concerned(self, task: Task) -> Concerned:
        """Stale and overdue persons."""
        return self._database.read_now(self._standing.concerned, task.tenant, task.as_of)

    def release(self, task: Task, columns: Collection[str]) -> None:
        """These were published whole; when persons are due is stored, and whoever was touched meanwhile is settled."""
        release = self._tags.standing.release
        self._database.write_now(release, task.tenant, task.computation_id, sorted(columns))

    def _facts_seen(self, connection: Connection, tenant: str) -> FactsSeen:
        """What makes persons stale: facts of the bulk lane, other settings of the tenant, and events that expire."""
        cursor, state = self._facts.progress.cursor(connection), self._facts.tenants.get(connection, tenant)
        bulk = cursor.only(Lane.BULK) if cursor else None
        return bulk, state.settings if state else None, self._horizon(connection, tenant)

    def _compute(
        self, task: Task, division: Division, wanted: set[str], outcome: Outcome, watcher: Watcher
    ) -> None:
        snapshot = division.snapshot
        clocks = Clocks.of(snapshot.tenant, task.as_of)
        cuts = self.latest_cuts(task.tenant, snapshot.plan, wanted)
        snapshot.stops = lambda: self._stopping.is_set() or watcher.stops()
        for step in snapshot.plan.in_order(wanted):
            for share in division.shares(step):
                for moment, part in _at_moments(clocks, share.recipes, len(share.snapshot.persons)):
                    if watcher.stops():
                        outcome.stopped = True
                        return
                    self._compute_part(task, division, share, part, moment, cuts, outcome, watcher)
                    if outcome.stopped:
                        return

    def _compute_part(
        self,
        task: Task,
        division: Division,
        share: Share,
        part: Sequence[Recipe],
        moment: Moment,
        cuts: Mapping[str, Cuts | None],
        outcome: Outcome,
        watcher: Watcher,
    ) -> None:
        started = perf_counter()
        computed, failures = share.snapshot.compute(part, moment, cuts, freeze=bool(task.run_id))
        share_s = (perf_counter() - started) / len(part)
        for column, failure in failures.items():
            self._fail(outcome, watcher, column, failure)
        for each in computed:
            if self._stopping.is_set():
                raise Interrupted("the service stops")
            if watcher.stops():
                outcome.stopped = True
                return
            self._publish(task, division, share, each, outcome, watcher, share_s)

    def _publish(
        self,
        task: Task,
        division: Division,
        share: Share,
        computed: Computed,
        outcome: Outcome,
        watcher: Watcher,
        share_s: float,
    ) -> None:
        """`share_s`: what computing took of the step that it was computed in."""
        column = computed.recipe.column
        started = perf_counter()
        try:
            for revision, changed in self._published(task, division, share, computed):
                division.changed(column, changed)
                outcome.revision = _later(outcome.revision, revision)
            known = self._database.write_now(self._set_coverage, task.tenant, column)
        except Overtaken:
            self._fail(outcome, watcher, column, OVERTAKEN)
            return
        outcome.coverage[column] = known
        milliseconds = round((share_s + perf_counter() - started) * 1_000)
        cost = Cost(milliseconds, share.snapshot.rows_of(computed.recipe))
        watcher.published(column, known, len(share.snapshot.persons), cost)

    def _published(
        self, task: Task, division: Division, share: Share, computed: Computed
    ) -> Iterator[tuple[Revision, Ints]]:
        """Transaction by transaction, whose value changed (ascending)."""
        if share.among is not None:
            for stretch in self._some.staged(task, computed, share.among):
                yield self._database.write_now(self._publish_some, task, share, computed, stretch)
            return
        present = self._database.read_now(self._tags.values.blocks, task.tenant, computed.recipe.column)
        blocks = sorted({*division.blocks, *present}) or [0]
        published = 0
        while published < len(blocks):
            left = blocks[published:]
            count, revision, changed = self._database.write_now(
                self._publish_blocks, task, share, computed, left, first=published == 0
            )
            published += count
            yield revision, changed

    def latest_cuts(self, tenant: str, plan: ColumnPlan, columns: Collection[str]) -> dict[str, Cuts | None]:
        """The cuts in force of the columns that have any."""
        return self._database.read_now(self._recompute.cuts, tenant, plan, columns)

    def _publish_blocks(
        self,
        connection: Connection,
        task: Task,
        share: Share,
        computed: Computed,
        blocks: Sequence[int],
        *,
        first: bool,
    ) -> tuple[int, Revision, Ints]:
        """As many of the blocks as fit into one transaction: how many, and whose value changed."""
        started = perf_counter()
        self._facts.tenants.lock(connection, task.tenant)
        self._require_unchanged(connection, task.tenant, share.snapshot.plan, computed.recipe)
        if first:
            self._blocks.freeze(connection, task, share.snapshot.plan, computed)
        done: list[PublishedBlock] = []
        with self._tags.values.together():
            for block in blocks:
                done.append(self._blocks.block(connection, task, share.snapshot, computed, block))
                if perf_counter() - started > HELD_S:
                    break
        revision = self._changelog.append(
            connection, Lane.BULK, [entry for each in done for entry in each.entries]
        )
        return len(done), revision, np.concatenate([each.changed for each in done])

    def _publish_some(
        self, connection: Connection, task: Task, share: Share, computed: Computed, stretch: StagedColumn
    ) -> tuple[Revision, Ints]:
        self._facts.tenants.lock(connection, task.tenant)
        self._require_unchanged(connection, task.tenant, share.snapshot.plan, computed.recipe)
        done = self._some.put_in_force(connection, task, stretch)
        if done is None:
            raise Overtaken(computed.recipe.column)
        return self._changelog.append(connection, Lane.BULK, done.entries), done.changed

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

    def _set_coverage(self, connection: Connection, tenant: str, column: str) -> int:
        known = self._tags.values.known_count(connection, tenant, column)
        self._tags.catalogue.set_coverage(connection, tenant, column, known)
        return known

    def _store_due(self, task: Task, division: Division, wanted: set[str]) -> None:
        """When persons are due next, by all columns that age, of everybody or of those alone who may be due at another
        moment. A computation of no column that ages moves nobody."""
        plan = division.snapshot.plan
        columns = ageing(plan)
        settled = wanted >= plan.with_what_rests_on_them(columns) & plan.stream()
        if not columns & wanted <= division.standing:
            self.store_due(task, division.snapshot, columns, settled=settled)
        elif columns & wanted or not columns:
            with division.share([plan.recipes[each] for each in sorted(columns)]) as share:
                self.store_due(task, share.snapshot, columns, settled=settled)

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

    def _forget_stale(self, connection: Connection, tenant: str, seen: FactsSeen) -> None:
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
    clocks: Clocks, step: Sequence[Recipe], persons: int
) -> Iterator[tuple[Moment, Sequence[Recipe]]]:
    """A step, in two parts when the day is over and has not rolled: its windows still stand at its end. Parts are
    bounded by what their columns weigh."""
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


def _later(known: Revision | None, new: Revision) -> Revision:
    return new if known is None else known.merge(new)
