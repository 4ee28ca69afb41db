"""Carries out training and matching, one run at a time, in order."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol, TypeVar

from servicekit.clock import Clock
from servicekit.logging import logger

from identity.app.matching.apply_matches import ApplyMatches, Portion
from identity.app.matching.found import Found, by_keys
from identity.app.matching.models import bands_of, known_model, specification_of
from identity.app.matching.read_rows import MatchInput, ReadRows
from identity.app.policies import PolicyBook
from identity.store.matching.ports import Matcher, MatcherFailed
from identity.store.matching.rows import PARTS, RunKind, RunRow, RunState
from identity.store.ports import Stores

PAUSE_S = 0.5
"""Between two looks for work, and between two looks at a running one; machine time."""
FAILURE_PAUSE_S = 5.0
SEED = 20_260_101
_CHANGED = "changed_persons"
T = TypeVar("T")
Finish = Callable[[Stores], dict[str, Any]]
"""The last of a run's work, in the transaction that ends it; answers its outcome."""


class Transactions(Protocol):
    """Runs a function on the ports of one transaction."""

    async def write(self, use_case: Callable[..., T], *args: Any) -> T:
        """One transaction; the result comes after its commit."""
        ...

    async def read(self, use_case: Callable[..., T], *args: Any) -> T:
        """One read snapshot."""
        ...


class _Cancelled(Exception):
    """Somebody asked the run to stop."""


class MatchRuns:
    """Runs until cancelled. A run that a stopped process left behind starts over, or goes on storing what it found; one
    that fails says why."""

    def __init__(
        self,
        transactions: Transactions,
        policies: PolicyBook,
        read_rows: ReadRows,
        matcher: Matcher,
        apply: ApplyMatches,
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._policies = policies
        self._read_rows = read_rows
        self._matcher = matcher
        self._apply = apply
        self._clock = clock
        self._progress = ("", 0.0)
        self._applying = False

    async def run(self) -> None:
        await self._transactions.write(_requeue)
        while True:
            try:
                worked = await self.step()
            except Exception as error:
                logger().error("a matching run could not be carried out", exc_info=error)
                await asyncio.sleep(FAILURE_PAUSE_S)
                continue
            if not worked:
                await asyncio.sleep(PAUSE_S)

    async def step(self) -> bool:
        """Carries out the run that waited longest; whether there was one."""
        claimed = await self._transactions.write(_claim, self._now_us())
        if claimed is None:
            return False
        tenant, run = claimed
        work = self._train if run.kind is RunKind.TRAIN else self._match
        try:
            finish = await self._watched(tenant, run, work(tenant, run))
            await self._transactions.write(_succeed, tenant, run, finish, self._now_us())
        except _Cancelled:
            await self._transactions.write(_end, tenant, run, RunState.CANCELLED, None, "", self._now_us())
        except MatcherFailed as error:
            await self._transactions.write(
                _end, tenant, run, RunState.FAILED, None, str(error), self._now_us()
            )
        except Exception as error:
            failure = f"{type(error).__name__}: the log has the cause"
            await self._transactions.write(_end, tenant, run, RunState.FAILED, None, failure, self._now_us())
            raise
        return True

    async def _watched(self, tenant: str, run: RunRow, work: Awaitable[Finish]) -> Finish:
        """Does the work, stores its progress, and stops it when somebody asks, but for the end of it, when all links
        are stored. Raises _Cancelled."""
        self._progress, self._applying = ("read", 0.0), False
        task = asyncio.ensure_future(work)
        try:
            while True:
                done, _ = await asyncio.wait([task], timeout=PAUSE_S)
                if done:
                    return task.result()
                step, share = self._progress
                if self._applying:
                    continue
                if await self._transactions.write(_advance, tenant, run.run_id, step, share):
                    raise _Cancelled
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait([task])

    async def _train(self, tenant: str, run: RunRow) -> Finish:
        model = await self._transactions.read(known_model, tenant, run.model_version)
        read = await self._read(tenant)
        started = time.monotonic()
        trained, data_hash = await self._matcher.train(
            read.rows.profiles, specification_of(model), SEED, self._tell
        )
        metrics = {
            "rows": len(read.key_ids),
            "prior": trained.prior,
            "untrained": list(trained.untrained),
            "seconds": round(time.monotonic() - started, 1),
        }
        row = model._replace(
            engine=trained.engine,
            settings=trained.settings,
            data_hash=data_hash,
            metrics=json.dumps(metrics, sort_keys=True),
        )

        def finish(stores: Stores) -> dict[str, Any]:
            stores.matching.models.save(tenant, row)
            return {"rows": len(read.key_ids)}

        return finish

    async def _match(self, tenant: str, run: RunRow) -> Finish:
        """Stores what was found in portions. Who asks the run to stop meanwhile keeps those that are stored."""
        found = await self._transactions.read(self._apply.staged, tenant, run)
        if found is None:
            found = await self._found(tenant, run)
            await self._transactions.write(self._apply.stage, tenant, run, found)
        matched = found
        self._tell("apply", 0.0)
        changed = int(json.loads(run.outcome).get(_CHANGED, 0))
        portions = await self._transactions.read(self._apply.link_portions, tenant, run, matched)
        for number, portion in enumerate(portions, 1):
            more = await self._transactions.write(self._store_links, tenant, run, portion, changed)
            if more is None:
                raise _Cancelled
            changed += more
            self._tell("apply", number / len(portions))
        self._applying = True
        for clusters in await self._transactions.read(self._apply.cluster_portions, tenant, matched):
            await self._transactions.write(self._apply.store_clusters, tenant, clusters)
        return lambda stores: {**self._apply.finish(stores, tenant, run, matched), _CHANGED: changed}

    def _store_links(
        self, stores: Stores, tenant: str, run: RunRow, portion: Portion, changed: int
    ) -> int | None:
        """How many persons it changed; None when the run is to stop. `changed` were changed before."""
        stores.tenants.lock(tenant, stores.changes.head().epoch)
        stored = stores.matching.runs.get(tenant, run.run_id)
        if stored is None or stored.cancelling:
            return None
        stores.matching.runs.save(tenant, stored._replace(outcome=json.dumps({_CHANGED: changed})))
        return self._apply.store_links(stores, tenant, run, portion)

    async def _found(self, tenant: str, run: RunRow) -> Found:
        model = await self._transactions.read(known_model, tenant, run.model_version)
        read = await self._read(tenant)
        row_of = {key_id: row for row, key_id in enumerate(read.key_ids)}
        labels = await self._transactions.read(lambda stores: stores.matching.tasks.labels(tenant))
        labelled = [
            (row_of[label.low], row_of[label.high])
            for label in labels
            if label.low in row_of and label.high in row_of
        ]
        matched = await self._matcher.match(
            read.rows, specification_of(model), model.settings, bands_of(model), labelled, self._tell
        )
        return by_keys(matched, read.key_ids)

    async def _read(self, tenant: str) -> MatchInput:
        def read(stores: Stores) -> MatchInput:
            return self._read_rows(stores, tenant, self._policies.of(stores, tenant))

        return await self._transactions.read(read)

    def _tell(self, step: str, share: float) -> None:
        self._progress = (step, share)

    def _now_us(self) -> int:
        return int(self._clock.machine_now().timestamp() * 1_000_000)


def _requeue(stores: Stores) -> None:
    stores.matching.runs.requeue_running()


def _claim(stores: Stores, now_us: int) -> tuple[str, RunRow] | None:
    waiting = stores.matching.runs.next_pending()
    if waiting is None:
        return None
    tenant, run = waiting
    stores.tenants.lock(tenant, stores.changes.head().epoch)
    run = stores.matching.runs.get(tenant, run.run_id) or run
    if run.state is not RunState.PENDING:
        return None
    run = run._replace(state=RunState.RUNNING, step="read", start_us=now_us)
    stores.matching.runs.save(tenant, run)
    return tenant, run


def _advance(stores: Stores, tenant: str, run_id: int, step: str, share: float) -> bool:
    """Stores the progress; whether the run is to stop."""
    stores.tenants.lock(tenant, stores.changes.head().epoch)
    run = stores.matching.runs.get(tenant, run_id)
    if run is None or run.cancelling:
        return True
    stores.matching.runs.save(tenant, run._replace(step=step, done_parts=round(share * PARTS)))
    return False


def _succeed(stores: Stores, tenant: str, run: RunRow, finish: Finish, now_us: int) -> None:
    stores.tenants.lock(tenant, stores.changes.head().epoch)
    _end(stores, tenant, run, RunState.SUCCEEDED, finish(stores), "", now_us)


def _end(
    stores: Stores,
    tenant: str,
    run: RunRow,
    state: RunState,
    outcome: dict[str, Any] | None,
    failure: str,
    now_us: int,
) -> None:
    stores.tenants.lock(tenant, stores.changes.head().epoch)
    stored = stores.matching.runs.get(tenant, run.run_id) or run
    parts = PARTS if state is RunState.SUCCEEDED else stored.done_parts
    ended = stored._replace(
        state=state,
        step="",
        done_parts=parts,
        end_us=now_us,
        outcome=json.dumps({**json.loads(stored.outcome), **(outcome or {})}, sort_keys=True),
        failure=failure,
    )
    stores.matching.runs.save(tenant, ended)
    stores.matching.found.remove(tenant, run.run_id)
