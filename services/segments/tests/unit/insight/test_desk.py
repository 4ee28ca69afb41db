"""Few questions at a time, and none for ever."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
from segments.app.insight.desk import MAX_WAITING, SEATS, Desk
from servicekit.errors import QueueFull


class Threads:
    async def compute(self, work: Callable[[], Any]) -> Any:
        return await asyncio.to_thread(work)


async def settled() -> None:
    """Lets everything go on that can."""
    for _ in range(MAX_WAITING * 3):
        await asyncio.sleep(0)


async def test_no_more_at_once_than_seats_and_no_more_waiting_than_may() -> None:
    desk, gate, running = Desk(Threads()), threading.Event(), []

    def work() -> int:
        running.append(1)
        gate.wait(30)
        return len(running)

    try:
        asked = [asyncio.ensure_future(desk.compute(work)) for _ in range(SEATS + MAX_WAITING)]
        await settled()
        with pytest.raises(QueueFull):
            await desk.compute(work)
        assert len(running) <= SEATS
    finally:
        gate.set()
    assert len(await asyncio.gather(*asked)) == SEATS + MAX_WAITING
    assert len(running) == SEATS + MAX_WAITING


async def test_who_goes_leaves_the_seat_when_the_work_has_ended() -> None:
    desk, gate, begun = Desk(Threads()), threading.Event(), []

    def long() -> None:
        begun.append("long")
        gate.wait(30)

    gone = [asyncio.ensure_future(desk.compute(long)) for _ in range(SEATS)]
    late = asyncio.ensure_future(desk.compute(lambda: begun.append("late")))
    await settled()
    waiting = asyncio.ensure_future(desk.compute(lambda: begun.append("never")))
    await settled()
    for each in (*gone, waiting):
        each.cancel()
    await settled()
    assert "late" not in begun
    gate.set()
    await late
    await settled()
    assert begun.count("late") == 1
    assert "never" not in begun


async def test_what_fails_is_told_and_frees_its_seat() -> None:
    desk = Desk(Threads())
    for _ in range(SEATS + 1):
        with pytest.raises(ZeroDivisionError):
            await desk.compute(lambda: 1 // 0)
