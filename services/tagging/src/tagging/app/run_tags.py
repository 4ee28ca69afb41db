"""Runs: tags computed for everybody, as resources with progress and cancel."""

from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from time import process_time

from servicekit.clock import Clock
from servicekit.database import Database
from servicekit.errors import QueueFull, ResourceExists, ResourceNotFound, WrongState
from sqlalchemy import Connection
from tagging.app.columns_in_force import ColumnPlan, ColumnsInForce
from tagging.app.publish import ComputeEverybody, Interrupted
from tagging.domain.columns import microseconds
from tagging.domain.compilation import FEATURE_PREFIX
from tagging.domain.run_failures import UNEXPECTED, Failure
from tagging.domain.schedule import Cause
from tagging.errors import nearest
from tagging.store.tag_ports import Cost, Run, Runs, RunState, TagStores

MAX_WAITING_RUNS = 20
"""Unfinished runs of a tenant, at most."""
NOTHING = Cost()


class RunRequests:
    """What callers do with runs; each method is one transaction."""

    def __init__(self, tags: TagStores, columns: ColumnsInForce, new_id: Callable[[], str]) -> None:
        self._tags = tags
        self._columns = columns
        self._new_id = new_id

    def create(
        self,
        connection: Connection,
        tenant: str,
        request_id: str,
        tag_ids: Collection[str],
        *,
        everybody: bool = False,
    ) -> Run:
        """A pending run; a repeated request_id answers the run it made. `everybody`: also where the stream has kept
        the values."""
        wanted = tuple(sorted(set(tag_ids)))
        known = self._tags.runs.of_request(connection, tenant, request_id)
        if known is not None:
            if (known.tag_ids, known.everybody) != (wanted, everybody):
                raise ResourceExists(f"request {request_id}")
            return known
        stored = self._tags.catalogue.all(connection, tenant)
        for tag_id in wanted:
            if tag_id not in stored:
                raise ResourceNotFound(f"tag {tag_id}", nearest(tag_id, stored))
        waiting = [run for owner, run in self._tags.runs.unfinished(connection) if owner == tenant]
        if len(waiting) >= MAX_WAITING_RUNS:
            raise QueueFull("runs", MAX_WAITING_RUNS)
        return self._tags.runs.add(
            connection, tenant, self._new_id(), request_id, wanted, everybody=everybody
        )

    def get(self, connection: Connection, tenant: str, run_id: str) -> Run:
        found = self._tags.runs.get(connection, tenant, run_id)
        if found is None:
            raise ResourceNotFound(f"run {run_id}")
        return found

    def page(self, connection: Connection, tenant: str, before: int | None, limit: int) -> list[Run]:
        return self._tags.runs.page(connection, tenant, before, limit)

    def cancel(self, connection: Connection, tenant: str, run_id: str, machine_ms: int) -> Run:
        """A pending run ends at once, one that computes when it looks next; a cancelled one stays so."""
        run = self.get(connection, tenant, run_id)
        if run.state in (RunState.SUCCEEDED, RunState.FAILED):
            raise WrongState(f"run {run_id}", run.state.name, "it cannot be cancelled any more")
        self._tags.runs.ask_to_stop(connection, tenant, run_id)
        if run.state is RunState.PENDING:
            self._tags.runs.put(
                connection, tenant, replace(run, state=RunState.CANCELLED, ended_ms=machine_ms)
            )
        return self.get(connection, tenant, run_id)


class ExecuteRuns:
    """Computes runs, one after the other. A run that a crash interrupted starts over, at a new
    moment: values of its first one would take back what came since."""

    def __init__(self, database: Database, tags: TagStores, compute: ComputeEverybody, clock: Clock) -> None:
        self._database = database
        self._tags = tags
        self._compute = compute
        self._clock = clock

    def next(self) -> tuple[str, Run] | None:
        """The oldest unfinished run of any tenant."""
        waiting = self._database.read_now(self._tags.runs.unfinished)
        return waiting[0] if waiting else None

    def execute(self, tenant: str, run: Run) -> Run:
        """Blocks until the run has ended."""
        watcher = _RunWatcher(self._database, self._tags.runs, tenant, run.run_id, self._machine_ms)
        processor_s = process_time()

        def columns(plan: ColumnPlan) -> Collection[str]:
            asked = run.tag_ids or (*plan.tags, *plan.recipes)
            computed = plan.with_what_they_rest_on(asked)
            if run.cause is not Cause.REQUEST:
                computed = set(asked) | plan.with_what_they_rest_on(asked, _without_schedule(plan))
            derived = plan.with_what_rests_on_them(computed) & plan.stream()
            return computed | derived | (set(asked) & plan.broken.keys())

        try:
            why = f"run-{run.run_id}"
            outcome = self._compute(tenant, why, columns, watcher, run_id=run.run_id, everybody=run.everybody)
        except Interrupted:
            raise
        except Exception:
            watcher.ended(RunState.FAILED, "", {"*": UNEXPECTED})
            raise
        state = RunState.FAILED if outcome.failures else RunState.SUCCEEDED
        revision = outcome.revision.token() if outcome.revision else ""
        state = RunState.CANCELLED if outcome.stopped else state
        cpu_ms = round((process_time() - processor_s) * 1_000)
        return watcher.ended(state, revision, {}, Cost(cpu_ms, outcome.rows_read))

    def _machine_ms(self) -> int:
        return microseconds(self._clock.machine_now()) // 1_000


def _without_schedule(plan: ColumnPlan) -> set[str]:
    """The tags whose values no schedule of their own keeps: a scheduled run computes those that it rests on, too."""
    return {tag_id for tag_id, tag in plan.tags.items() if tag.definition.schedule is None}


class _RunWatcher:
    """Writes a run's progress."""

    def __init__(
        self, database: Database, runs: Runs, tenant: str, run_id: str, machine_ms: Callable[[], int]
    ) -> None:
        self._database = database
        self._runs = runs
        self._tenant = tenant
        self._run_id = run_id
        self._machine_ms = machine_ms

    def begun(self, as_of: datetime, columns: Collection[str]) -> None:
        tags = [each for each in columns if not each.startswith(FEATURE_PREFIX)]
        self._change(
            lambda run: replace(
                run,
                state=RunState.RUNNING,
                as_of=as_of,
                started_ms=run.started_ms or self._machine_ms(),
                tag_count=len(tags),
                coverage={},
                failures={},
                costs={},
                person_counts={},
            )
        )

    def published(self, column: str, known_count: int, person_count: int, cost: Cost) -> None:
        if not column.startswith(FEATURE_PREFIX):  # all columns are computed together, a run is about tags
            self._change(
                lambda run: replace(
                    run,
                    coverage={**run.coverage, column: known_count},
                    costs={**run.costs, column: cost},
                    person_counts={**run.person_counts, column: person_count},
                )
            )

    def failed(self, column: str, failure: Failure) -> None:
        self._change(lambda run: replace(run, failures={**run.failures, column: failure}))

    def stops(self) -> bool:
        return self._read().cancel

    def ended(
        self, state: RunState, revision: str, failures: dict[str, Failure], processor: Cost = NOTHING
    ) -> Run:
        self._change(
            lambda run: replace(
                run,
                state=state,
                ended_ms=self._machine_ms(),
                revision=revision,
                failures={**run.failures, **failures},
                cpu_ms=processor.milliseconds,
                rows_read=processor.rows_read,
            )
        )
        return self._read()

    def _read(self) -> Run:
        found = self._database.read_now(self._runs.get, self._tenant, self._run_id)
        assert found is not None
        return found

    def _change(self, change: Callable[[Run], Run]) -> None:
        def store(connection: Connection) -> None:
            run = self._runs.get(connection, self._tenant, self._run_id)
            assert run is not None
            self._runs.put(connection, self._tenant, change(run))

        self._database.write_now(store)
