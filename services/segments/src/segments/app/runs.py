"""Runs: long work on a segment's members, with progress, cancel and cost."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from time import process_time
from typing import Any, TypeVar

from segments.app.progress import Progress, Stopped, Work
from segments.domain.people import Actor
from segments.domain.runs import MAX_WAITING_RUNS, RUNS_KEEP, Run, RunKind, RunState
from segments.errors import StepForbidden
from segments.store.life_ports import Runs
from servicekit.database import Database
from servicekit.errors import QueueFull, ResourceExists, ResourceNotFound, ServiceError, WrongState
from servicekit.logging import logger
from servicekit.revision import Revision
from sqlalchemy import Connection

SEATS = 2
"""Runs of SEATED kinds that work at a time."""
SEATED = frozenset({RunKind.EXPAND})
"""Kinds that compute for long. Members computed anew wait for others most of the time, and are exchanged in turns
anyway; for uploads their callers wait."""
REMOVED_AT_ONCE = 1_000
UNEXPECTED = "it could not be completed: the service's log names the cause"
GONE = "its caller went away"
LOST = "how it ended could not be stored: look at the segment"
ENDING_TRIES = 12
FIRST_PAUSE_S = 0.2
LONGEST_PAUSE_S = 30.0
"""Between tries to store how a run ended; about two minutes in all."""
T = TypeVar("T")


@dataclass(slots=True)
class CallersRun:
    """A run that its caller carries out. `completing`: its last part, once that has begun."""

    run_id: str
    progress: Progress
    completing: "asyncio.Task[tuple[int, Revision]] | None" = None

    async def failure(self, error: BaseException | None) -> BaseException | None:
        """What its caller's block has raised, or rather its last part: the caller may have gone away meanwhile."""
        if self.completing is None:
            return error
        await asyncio.wait([self.completing])
        return asyncio.CancelledError() if self.completing.cancelled() else self.completing.exception()


@dataclass(frozen=True, slots=True)
class Request:
    """What was asked for. `digest` is equal for equal requests."""

    request_id: str
    digest: str
    kind: RunKind
    segment_id: str


class RunDesk:
    """Holds the runs of this process. `now` is the machine's time. What is under way ends with the process: `end_all`
    comes before anything else."""

    def __init__(
        self, database: Database, runs: Runs, new_id: Callable[[], str], now: Callable[[], dt.datetime]
    ) -> None:
        self._database = database
        self._runs = runs
        self._new_id = new_id
        self._now = now
        self._adding = asyncio.Lock()
        self._seats = asyncio.Semaphore(SEATS)
        self._active: dict[str, Progress] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._waiting: dict[str, asyncio.Task[None]] = {}

    async def end_all(self) -> None:
        """Ends what the process before this one left."""
        await self._database.write(self._runs.end_all, self._machine_ms())

    async def repeated(self, tenant: str, request_id: str, digest: str) -> Run | None:
        """The run that the same request has made before. Raises ResourceExists when that was another request."""
        found = await self._database.read(self._known, tenant, request_id, digest)
        return None if found is None else self._seen(found)

    async def start(self, tenant: str, request: Request, actor: Actor, work: Work) -> Run:
        """A run of the work, waiting for its turn; the run that the same request has made before. Raises
        ResourceExists, QueueFull."""
        return await asyncio.shield(self._kept(self._begin(tenant, self._new(request, actor), work)))

    @asynccontextmanager
    async def upload(self, tenant: str, segment_id: str, actor: Actor) -> AsyncIterator[CallersRun]:
        """A run that ends with the block. Raises QueueFull, and WrongState in place of Stopped."""
        run_id = self._new_id()
        asked = Request(run_id, "", RunKind.UPLOAD, segment_id)
        run = self._new(asked, actor, run_id).begun(self._machine_ms())
        callers, cpu_s = CallersRun(run_id, Progress()), process_time()
        self._active[run_id] = callers.progress
        storing = self._kept(self._stored(tenant, run))

        async def end(error: BaseException | None) -> None:
            await asyncio.wait([storing])
            if storing.cancelled() or storing.exception() is not None:
                del self._active[run_id]
            else:
                outcome = _outcome(run, await callers.failure(error))
                await self._end(tenant, run, callers.progress, cpu_s, *outcome)

        try:
            await asyncio.shield(storing)
            yield callers
        except BaseException as error:
            await asyncio.shield(self._kept(end(error)))
            if isinstance(error, Stopped):
                raise WrongState(f"run {run_id}", "cancelled", "nothing was uploaded") from None
            raise
        else:
            await asyncio.shield(self._kept(end(None)))

    async def complete(
        self, callers: CallersRun, work: Awaitable[tuple[int, Revision]]
    ) -> tuple[int, Revision]:
        """Carries out the last part of a caller's run, which answers count and revision: to its end when the caller
        goes away, too. Raises what the work raises."""

        async def completing() -> tuple[int, Revision]:
            count, revision = await work
            callers.progress.finished(count, revision)
            return count, revision

        callers.completing = self._kept(completing())
        return await asyncio.shield(callers.completing)

    async def get(self, tenant: str, run_id: str) -> Run:
        """One run as it stands. Raises ResourceNotFound."""
        found = await self._database.read(self._runs.get, tenant, run_id)
        if found is None:
            raise ResourceNotFound(f"run {run_id!r}")
        return self._seen(found)

    async def page(self, tenant: str, segment_id: str, before: int | None, limit: int) -> list[Run]:
        """Newest first."""
        found = await self._database.read(self._runs.page, tenant, segment_id, before, limit)
        return [self._seen(each) for each in found]

    async def cancel(self, tenant: str, run_id: str, actor: Actor) -> Run:
        """A pending run ends at once, one that works when it looks next, and one that nobody carries out, too. Raises
        ResourceNotFound, StepForbidden, WrongState."""
        run = await self.get(tenant, run_id)
        if not actor.may_change(run.subject):
            raise StepForbidden(run.segment_id, "cancel a run", run.subject)
        if run.state in (RunState.SUCCEEDED, RunState.FAILED):
            raise WrongState(f"run {run_id!r}", run.state.name, "it cannot be cancelled any more")
        if progress := self._active.get(run_id):
            progress.stop()
        elif not run.state.is_final:
            await self._database.write(self._end_lost, tenant, run_id)
        if waiting := self._waiting.get(run_id):
            waiting.cancel()
            await asyncio.wait([waiting])
            if self._waiting.pop(run_id, None):  # it had not made its first step
                del self._active[run_id]
                await self._database.write(self._end_lost, tenant, run_id)
        return await self.get(tenant, run_id)

    def remove_old(self, connection: Connection) -> int:
        """Removes some runs that have been kept long enough; answers how many."""
        before = int((self._now() - RUNS_KEEP).timestamp() * 1_000)
        return self._runs.remove_before(connection, before, REMOVED_AT_ONCE)

    async def run(self) -> None:
        """Until cancelled; then what is under way ends, too."""
        try:
            await asyncio.Event().wait()
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    # -------------------------------------------------------------------------------------------- parts

    async def _begin(self, tenant: str, run: Run, work: Work) -> Run:
        """Registered before it is stored: one that is stored is always somebody's."""
        progress = self._active[run.run_id] = Progress()
        try:
            stored = await self._stored(tenant, run)
        except BaseException:
            del self._active[run.run_id]
            raise
        if stored.run_id != run.run_id:
            del self._active[run.run_id]
            return self._seen(stored)
        if run.kind in SEATED:
            self._waiting[run.run_id] = self._kept(self._in_turn(tenant, stored, work, progress))
        else:
            self._kept(self._carry_out(tenant, stored, work, progress))
        return self._seen(stored)

    async def _in_turn(self, tenant: str, run: Run, work: Work, progress: Progress) -> None:
        try:
            await self._seats.acquire()
        except asyncio.CancelledError:
            if not progress.is_stopped:
                raise
            await self._end(tenant, run, progress, process_time(), RunState.CANCELLED)
            return
        finally:
            del self._waiting[run.run_id]
        try:
            await self._carry_out(tenant, run, work, progress)
        finally:
            self._seats.release()

    async def _carry_out(self, tenant: str, run: Run, work: Work, progress: Progress) -> None:
        cpu_s, failure = process_time(), None
        run = run.begun(self._machine_ms())
        try:
            await self._database.write(self._runs.put, tenant, run)
            progress.at(0)
            await work(progress)
        except Exception as error:
            failure = error
        await self._end(tenant, run, progress, cpu_s, *_outcome(run, failure))

    async def _end(
        self, tenant: str, run: Run, progress: Progress, cpu_s: float, state: RunState, problem: str = ""
    ) -> None:
        ended = replace(
            self._seen(run).ended(state, self._machine_ms(), problem),
            count=progress.count,
            revision="" if progress.revision is None else progress.revision.token(),
            cpu_ms=round((process_time() - cpu_s) * 1_000),
        )
        try:
            for number in range(ENDING_TRIES):
                try:
                    await self._database.write(self._runs.put, tenant, ended)
                    return
                except Exception:
                    logger().warning(
                        "the end of a run was not stored", run_id=run.run_id, exc_info=number == 0
                    )
                await asyncio.sleep(min(FIRST_PAUSE_S * 2**number, LONGEST_PAUSE_S))
        finally:
            del self._active[run.run_id]

    def _end_lost(self, connection: Connection, tenant: str, run_id: str) -> None:
        """Ends a run that is stored and carried out by nobody; what it did before is not known."""
        run = self._runs.get(connection, tenant, run_id)
        if run is None or run.state.is_final:
            return
        pending = run.state is RunState.PENDING
        state, problem = (RunState.CANCELLED, "") if pending else (RunState.FAILED, LOST)
        self._runs.put(connection, tenant, run.ended(state, self._machine_ms(), problem))

    def _kept(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Carried out to its end when its caller goes away, too; ends with the process."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()  # its caller may be gone: nobody else asks

    async def _stored(self, tenant: str, run: Run) -> Run:
        """One after the other: they are counted and numbered."""
        async with self._adding:
            return await self._database.write(self._add, tenant, run)

    def _add(self, connection: Connection, tenant: str, run: Run) -> Run:
        known = self._known(connection, tenant, run.request_id, run.request)
        if known is not None:
            return known
        if self._runs.unfinished(connection, tenant) >= MAX_WAITING_RUNS:
            raise QueueFull("runs", MAX_WAITING_RUNS)
        return self._runs.add(connection, tenant, run)

    def _known(self, connection: Connection, tenant: str, request_id: str, digest: str) -> Run | None:
        known = self._runs.of_request(connection, tenant, request_id)
        if known is not None and known.request != digest:
            raise ResourceExists(f"request {request_id!r}")
        return known

    def _new(self, request: Request, actor: Actor, run_id: str = "") -> Run:
        return Run(
            run_id=run_id or self._new_id(),
            request_id=request.request_id,
            request=request.digest,
            kind=request.kind,
            segment_id=request.segment_id,
            subject=actor.subject,
            created_ms=self._machine_ms(),
        )

    def _seen(self, run: Run) -> Run:
        """With how far it is right now."""
        progress: Any = self._active.get(run.run_id)
        return run if progress is None else replace(run, done=progress.done, total=progress.total)

    def _machine_ms(self) -> int:
        return int(self._now().timestamp() * 1_000)


def _outcome(run: Run, failure: BaseException | None) -> tuple[RunState, str]:
    """The state that a run ends in, and its problem."""
    match failure:
        case None:
            return RunState.SUCCEEDED, ""
        case Stopped():
            return RunState.CANCELLED, ""
        case ServiceError():
            return RunState.FAILED, failure.message
        case Exception():
            logger().error("a run failed", run_id=run.run_id, kind=run.kind.name, exc_info=failure)
            return RunState.FAILED, UNEXPECTED
        case _:
            return RunState.FAILED, GONE
