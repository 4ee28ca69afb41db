"""Schedules of tags on each store: runs start when they are due, once, and say why."""

import dataclasses
import datetime as dt
import itertools
from typing import Any

import pytest
from tagging.app.run_schedules import RunSchedules
from tagging.domain.events import Event
from tagging.domain.schedule import Cause
from tagging.errors import TagCircle
from tagging.store.sql_news import SqlTagNews
from tagging.store.tag_ports import Run, RunState
from tagging.workers.schedules import Schedules

HOURLY = "{tag_id: hourly, name: x, type: number, update: run, statistic: COUNT(order_paid), schedule: {hourly: 0}}"
NIGHTLY = """{tag_id: nightly, name: x, type: number, update: run, statistic: COUNT(order_paid),
    schedule: {daily: "00:00"}}"""
BROKEN = """{tag_id: broken, name: x, type: number, update: run, schedule: {hourly: 0},
    statistic: SUM(order_paid.amount) * 900000000000000}"""
SEARCHES = """{tag_id: searches, name: x, type: number, update: run, statistic: COUNT(search),
    schedule: {on_event: search}}"""
GOOD = """{tag_id: good, name: x, type: bool, update: run, schedule: {on_tag: hourly},
    layered_rule: {layers: [{when: hourly >= 1, then: true}], otherwise: false}}"""
HOUR = dt.timedelta(hours=1)


class Clockwork:
    """Schedules in a world, and runs computed as they come."""

    def __init__(self, world: Any) -> None:
        self.world = world
        self.ids = itertools.count()
        self.open()
        world.store(world.person(1, 1), world.person(2, 2))

    def open(self) -> None:
        world = self.world
        news = SqlTagNews(world.changelog)
        new_id = lambda: f"r{next(self.ids)}"  # noqa: E731
        schedules = RunSchedules(world.facts, world.tags, world.columns, news, world.clock, new_id)
        self.worker = Schedules(world.database, schedules)

    async def look(self) -> list[Run]:
        """The runs that a look starts, computed."""
        await self.worker.once()
        started = []
        while (waiting := self.world.execute_runs.next()) is not None:
            started.append(self.world.execute_runs.execute(*waiting))
        return started

    def order(self) -> Event:
        world = self.world
        return world.event(1, "order_paid", world.clock.now(), amount=1_000_000)  # type: ignore[no-any-return]


@pytest.fixture
def clockwork(world: Any) -> Clockwork:
    return Clockwork(world)


async def test_runs_start_when_they_are_due_and_say_why(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY, NIGHTLY, BROKEN)
    assert await clockwork.look() == []
    world.clock.advance(HOUR)
    world.store(clockwork.order())
    (run,) = await clockwork.look()
    assert (run.cause, run.tag_ids) == (Cause.SCHEDULE, ("broken", "hourly"))
    assert run.because == "hourly 0, due 2026-03-10T05:00:00+00:00"
    assert run.state is RunState.FAILED
    assert run.failures.keys() == {"broken"}  # and stops no other
    assert world.values("hourly", "nightly") == {"hourly": {1: 10_000, 2: 0}, "nightly": {}}
    assert await clockwork.look() == []


async def test_what_was_missed_is_made_good_once(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY, NIGHTLY)
    await clockwork.look()
    world.clock.advance(3 * 24 * HOUR)
    clockwork.open()  # as after a start
    (run,) = await clockwork.look()
    assert run.tag_ids == ("hourly", "nightly")
    assert await clockwork.look() == []


async def test_a_schedule_that_comes_back_waits_for_its_next_moment(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY)
    await clockwork.look()
    world.define(HOURLY.replace(", schedule: {hourly: 0}", ""))
    world.clock.advance(3 * HOUR)
    assert await clockwork.look() == []
    world.define(HOURLY)
    assert await clockwork.look() == []
    world.clock.advance(HOUR)
    assert len(await clockwork.look()) == 1


async def test_a_run_that_a_crash_broke_off_starts_over_and_no_other(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY)
    await clockwork.look()
    world.clock.advance(HOUR)
    await clockwork.worker.once()  # the run is stored with the mark ...
    tenant, run = world.execute_runs.next()
    world.database.write_now(world.tags.runs.put, tenant, dataclasses.replace(run, state=RunState.RUNNING))
    world.open()  # ... and the process dies while it computes
    clockwork.open()
    (again,) = await clockwork.look()
    assert (again.run_id, again.state, again.cause) == (run.run_id, RunState.SUCCEEDED, Cause.SCHEDULE)
    assert await clockwork.look() == []


async def test_a_mark_is_kept_with_its_run_or_not_at_all(clockwork: Clockwork, monkeypatch: Any) -> None:
    world = clockwork.world
    world.define(HOURLY)
    await clockwork.look()
    world.clock.advance(HOUR)
    with monkeypatch.context() as broken:
        broken.setattr(world.tags.runs, "add", lambda *args: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            await clockwork.worker.once()
    assert len(await clockwork.look()) == 1


async def test_a_clock_that_is_set_back_starts_nothing_until_the_next_moment(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY)
    await clockwork.look()
    world.clock.advance(5 * HOUR)
    assert len(await clockwork.look()) == 1
    world.clock._now -= 4 * HOUR  # as when a clock file is written anew
    assert await clockwork.look() == []
    world.clock.advance(HOUR)
    assert len(await clockwork.look()) == 1


async def test_a_run_that_waits_is_enough(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY)
    await clockwork.look()
    for _ in range(3):
        world.clock.advance(HOUR)
        await clockwork.worker.once()
    assert len(await clockwork.look()) == 1


async def test_events_of_a_minute_start_one_run(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(SEARCHES)
    assert await clockwork.look() == []
    world.store(world.event(1, "search", world.clock.now()), clockwork.order())
    assert await clockwork.look() == []  # this minute is not over
    world.store(world.event(2, "search", world.clock.now()))
    world.clock.advance(dt.timedelta(minutes=1))
    (run,) = await clockwork.look()
    assert (run.cause, run.because, run.tag_ids) == (Cause.EVENT, "search", ("searches",))
    assert world.values("searches")["searches"] == {1: 10_000, 2: 10_000}
    world.store(clockwork.order())
    world.clock.advance(dt.timedelta(minutes=1))
    assert await clockwork.look() == []


async def test_another_tag_s_change_starts_a_run(clockwork: Clockwork) -> None:
    world = clockwork.world
    world.define(HOURLY, GOOD)
    await clockwork.look()
    world.store(clockwork.order())
    world.clock.advance(HOUR)
    (run,) = await clockwork.look()
    assert run.tag_ids == ("hourly",)
    world.clock.advance(dt.timedelta(minutes=1))
    (run,) = await clockwork.look()
    assert (run.cause, run.because, run.coverage) == (Cause.TAG, "hourly", {"good": 2})
    assert world.values("good")["good"] == {1: True, 2: False}
    world.clock.advance(dt.timedelta(minutes=1))
    assert await clockwork.look() == []


def test_tags_do_not_wait_for_each_other_in_a_circle(clockwork: Clockwork) -> None:
    with pytest.raises(TagCircle):
        clockwork.world.define(HOURLY.replace("{hourly: 0}", "{on_tag: good}"), GOOD)
