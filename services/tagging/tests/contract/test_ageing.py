"""Windows of hours and minutes age within seconds of the clock, whatever else is computed meanwhile."""

import asyncio
import datetime as dt
import time

from tagging.app.keep_current import KeepCurrent
from tagging.workers.ageing import Ageing

WITHIN_S = 5.0
HOURS = "{tag_id: hours, name: x, type: number, statistic: COUNT(order_paid) IN LAST 6 HOURS}"
MINUTES = "{tag_id: minutes, name: x, type: number, statistic: COUNT(order_paid) IN LAST 10 MINUTES}"
BUSY = "{tag_id: busy, name: x, type: bool, statistic: minutes > 0}"
PERSONS = 150
"""More than age in one transaction."""


async def test_windows_age_within_seconds_while_everybody_is_computed(world):
    world.define(HOURS, MINUTES, BUSY)
    world.store(*(world.person(each, each) for each in range(1, PERSONS + 1)))
    world.store(
        *(world.event(each, "order_paid", world.ago(minutes=9), amount=1) for each in range(1, PERSONS + 1))
    )
    assert set(world.values("minutes")["minutes"].values()) == {10_000}
    world.database.write_now(world.tags.computations.begin, world.tenant, "run")  # and it takes its time
    parts = (world.facts, world.tags, world.columns, world.recompute, world.compute)
    current = KeepCurrent(world.database, world.changelog, *parts, world.clock)
    worker = asyncio.ensure_future(Ageing(world.database, current).run())
    try:
        for passed, wanted in (
            (dt.timedelta(minutes=1), {"minutes": {0}, "busy": {False}, "hours": {10_000}}),
            (dt.timedelta(hours=6), {"minutes": {0}, "busy": {False}, "hours": {0}}),
        ):
            world.clock.advance(passed)
            started = time.monotonic()
            while {name: set(each.values()) for name, each in world.values().items()} != wanted:
                assert time.monotonic() - started < WITHIN_S
                await asyncio.sleep(0.05)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)
    touched = world.database.read_now(world.tags.computations.touched, world.tenant, "run")
    assert touched.tolist() == list(range(1, PERSONS + 1))
