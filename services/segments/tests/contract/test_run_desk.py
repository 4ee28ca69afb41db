"""Runs take turns, end as they should, and end with their process."""

import asyncio
import datetime as dt
from itertools import count

import pytest
from segments.app import runs
from segments.app.progress import Progress, Work
from segments.app.runs import GONE, LOST, SEATS, UNEXPECTED, Request, RunDesk
from segments.domain.people import Actor
from segments.domain.runs import MAX_WAITING_RUNS, STOPPED, Run, RunKind, RunState
from segments.errors import SegmentNotLive
from segments.store.sql_runs import SqlRuns
from servicekit.database import Database
from servicekit.errors import QueueFull, WrongState
from servicekit.revision import Revision
from sqlalchemy import Connection

NOW = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
ANN = Actor("ann")
REVISION = Revision("segments", "00000001aaaaaaaa", 1, 1)


def desk_of(database: Database, store: SqlRuns | None = None) -> RunDesk:
    numbers = count(1)
    return RunDesk(database, store or SqlRuns(), lambda: f"id{next(numbers)}", lambda: NOW)


async def start(desk: RunDesk, work: Work, request_id: str) -> Run:
    return await desk.start("t1", Request(request_id, "digest", RunKind.EXPAND, "list"), ANN, work)


async def ended(desk: RunDesk, run: Run) -> Run:
    async with asyncio.timeout(30):
        while True:
            found = await desk.get("t1", run.run_id)
            if found.state.is_final:
                return found
            await asyncio.sleep(0.01)


async def test_runs_take_turns_and_one_that_waits_is_cancelled_at_once(database: Database) -> None:
    desk, go_on = desk_of(database), asyncio.Event()

    async def work(progress: Progress) -> None:
        await go_on.wait()
        progress.at(5, 5)
        progress.finished(7, REVISION)

    runs = [await start(desk, work, f"r{number}") for number in range(SEATS + 1)]
    assert (await start(desk, work, "r0")).run_id == runs[0].run_id
    assert (await desk.cancel("t1", runs[-1].run_id, ANN)).state is RunState.CANCELLED
    stopping = await desk.cancel("t1", runs[0].run_id, ANN)
    assert stopping.state in (RunState.PENDING, RunState.RUNNING)
    go_on.set()
    assert (await ended(desk, runs[0])).state is RunState.CANCELLED
    done = await ended(desk, runs[1])
    assert (done.state, done.done, done.count, done.revision) == (RunState.SUCCEEDED, 5, 7, REVISION.token())
    with pytest.raises(WrongState):
        await desk.cancel("t1", runs[1].run_id, ANN)


async def test_a_failure_says_what_callers_may_know(database: Database) -> None:
    desk = desk_of(database)

    async def refused(progress: Progress) -> None:
        raise SegmentNotLive("list", "failed", "a tag is gone")

    async def broken(progress: Progress) -> None:
        raise ZeroDivisionError("of ann's 13800000001")

    refusal = await ended(desk, await start(desk, refused, "r1"))
    assert (refusal.state, refusal.problem) == (RunState.FAILED, "segment 'list' is failed: a tag is gone")
    accident = await ended(desk, await start(desk, broken, "r2"))
    assert (accident.state, accident.problem) == (RunState.FAILED, UNEXPECTED)


async def test_too_many_are_refused_and_a_stop_leaves_none_running(database: Database) -> None:
    desk = desk_of(database)

    async def work(progress: Progress) -> None:
        await asyncio.Event().wait()

    runs = [await start(desk, work, f"r{number}") for number in range(MAX_WAITING_RUNS)]
    with pytest.raises(QueueFull):
        await start(desk, work, "one more")
    living = asyncio.ensure_future(desk.run())
    await asyncio.sleep(0)
    living.cancel()
    await asyncio.gather(living, return_exceptions=True)
    after = desk_of(database)
    await after.end_all()
    found = [await after.get("t1", each.run_id) for each in runs]
    assert {(each.state, each.problem) for each in found} == {(RunState.FAILED, STOPPED)}


async def test_callers_that_go_away_leave_nothing_that_nobody_carries_out(database: Database) -> None:
    desk = desk_of(database)

    async def work(progress: Progress) -> None:
        progress.finished(1, REVISION)

    async def upload() -> None:
        async with desk.upload("t1", "list", ANN):
            pass

    for number in range(3):
        for asking in (start(desk, work, f"r{number}"), upload()):
            caller = asyncio.ensure_future(asking)
            await asyncio.sleep(0)
            caller.cancel()
            await asyncio.gather(caller, return_exceptions=True)
    found: list[Run] = []
    async with asyncio.timeout(30):
        while len(found) < 6 or not all(each.state.is_final for each in found):
            await asyncio.sleep(0.01)
            found = await desk.page("t1", "list", None, 100)
    expanded = [each.state for each in found if each.kind is RunKind.EXPAND]
    uploaded = [(each.state, each.problem) for each in found if each.kind is RunKind.UPLOAD]
    assert (expanded, uploaded) == ([RunState.SUCCEEDED] * 3, [(RunState.FAILED, GONE)] * 3)


@pytest.mark.parametrize("fails", [False, True])
async def test_an_upload_ends_as_its_last_part_does_though_its_caller_went_away(
    database: Database, *, fails: bool
) -> None:
    desk, begun, go_on = desk_of(database), asyncio.Event(), asyncio.Event()

    async def store() -> tuple[int, Revision]:
        begun.set()
        await go_on.wait()
        if fails:
            raise WrongState("segment 'list'", "dynamic", "it has a rule by now")
        return 7, REVISION

    async def upload() -> None:
        async with desk.upload("t1", "list", ANN) as run:
            await desk.complete(run, store())

    caller = asyncio.ensure_future(upload())
    await begun.wait()
    caller.cancel()
    await asyncio.sleep(0)
    (running,) = await desk.page("t1", "list", None, 2)
    assert running.state is RunState.RUNNING
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await caller
    done = await desk.get("t1", running.run_id)
    if fails:
        assert (done.state, done.count, "by now" in done.problem) == (RunState.FAILED, 0, True)
    else:
        assert (done.state, done.count, done.revision) == (RunState.SUCCEEDED, 7, REVISION.token())


class AwayAtTheEnd(SqlRuns):
    """Cannot store that a run has ended for some tries."""

    def __init__(self, tries: int) -> None:
        self.tries = tries

    def put(self, connection: Connection, tenant: str, run: Run) -> None:
        if run.state.is_final and self.tries:
            self.tries -= 1
            raise ConnectionError("away")
        super().put(connection, tenant, run)


async def test_an_end_is_stored_later_and_one_that_was_lost_is_ended(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "FIRST_PAUSE_S", 0.0)
    monkeypatch.setattr(runs, "ENDING_TRIES", 2)
    store = AwayAtTheEnd(runs.ENDING_TRIES - 1)
    desk = desk_of(database, store)

    async def work(progress: Progress) -> None:
        progress.finished(1, REVISION)

    assert (await ended(desk, await start(desk, work, "r1"))).state is RunState.SUCCEEDED
    store.tries = runs.ENDING_TRIES
    lost = await start(desk, work, "r2")
    async with asyncio.timeout(30):
        while True:
            found = await desk.cancel("t1", lost.run_id, ANN)
            if found.state.is_final:
                break
            await asyncio.sleep(0.01)
    assert (found.state, found.problem, store.tries) == (RunState.FAILED, LOST, 0)


async def test_runs_that_wait_for_behaviour_take_nobody_s_turn(database: Database) -> None:
    desk, go_on = desk_of(database), asyncio.Event()

    async def waiting(progress: Progress) -> None:
        await go_on.wait()

    async def work(progress: Progress) -> None:
        progress.finished(1, REVISION)

    waiters = [
        await desk.start("t1", Request(f"w{number}", "", RunKind.RECOMPUTE, "once"), ANN, waiting)
        for number in range(SEATS)
    ]
    assert (await ended(desk, await start(desk, work, "r1"))).state is RunState.SUCCEEDED
    go_on.set()
    assert {(await ended(desk, each)).state for each in waiters} == {RunState.SUCCEEDED}
