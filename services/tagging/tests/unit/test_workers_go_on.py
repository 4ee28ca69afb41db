"""A store that is away for a moment ends no worker: the process would end with it."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from servicekit.revision import Revision
from sqlalchemy.exc import OperationalError
from tagging.workers.acknowledge import Acknowledge
from tagging.workers.ageing import Ageing
from tagging.workers.lake_flush import LakeFlushing
from tagging.workers.lake_upkeep import LakeUpkeep

AWAY = OperationalError("SELECT 1", {}, Exception("server closed the connection"))


class FlakyDatabase:
    """Away at the first read, then there; `again` is set by the second."""

    def __init__(self) -> None:
        self.reads = 0
        self.again = asyncio.Event()

    async def read(self, work: Any, *args: Any) -> Any:
        self.reads += 1
        if self.reads == 1:
            raise AWAY
        self.again.set()
        return work(None, *args)


async def goes_on(worker: Any, database: FlakyDatabase) -> None:
    running = asyncio.ensure_future(worker.run())
    waiting = asyncio.ensure_future(database.again.wait())
    done, _ = await asyncio.wait([running, waiting], timeout=5, return_when=asyncio.FIRST_COMPLETED)
    for each in (running, waiting):
        each.cancel()
    await asyncio.gather(running, waiting, return_exceptions=True)
    assert done == {waiting}


async def test_the_lake_is_flushed_after_the_store_was_away() -> None:
    database: Any = FlakyDatabase()
    manifest: Any = SimpleNamespace(due=lambda *_: [])
    unused: Any = None
    await goes_on(LakeFlushing(database, manifest, unused, unused, unused, check_s=0.01), database)


async def test_changes_are_acknowledged_after_the_store_was_away(monkeypatch: pytest.MonkeyPatch) -> None:
    database: Any = FlakyDatabase()
    progress: Any = SimpleNamespace(cursor=lambda _: Revision("identity", "0" * 16))
    monkeypatch.setattr("tagging.workers.acknowledge.ChangeServiceStub", lambda _: None)
    monkeypatch.setattr(Acknowledge, "_tell", lambda *_: asyncio.sleep(0))
    unused: Any = None
    await goes_on(Acknowledge(database, progress, unused, unused, lambda: 0, interval_s=0.01), database)


async def test_a_tenant_that_cannot_age_stops_no_other() -> None:
    aged: list[str] = []

    def age(_: None, tenant: str, persons: list[int]) -> None:
        if tenant == "broken":
            raise AWAY
        aged.append(tenant)

    async def run(work: Any, *args: Any) -> Any:
        return work(None, *args)

    database: Any = SimpleNamespace(read=run, write=run)
    current: Any = SimpleNamespace(due=lambda _: {"broken": [1], "other": [2]}, age_persons=age)
    assert await Ageing(database, current).once()
    assert aged == ["other"]


async def test_a_build_that_fails_is_rested_from(monkeypatch: pytest.MonkeyPatch) -> None:
    built: list[str] = []
    rests: list[float] = []

    async def build_due(tenant: str) -> int:
        built.append(tenant)
        raise OSError("No space left on device")

    async def done(*_: Any) -> Any:
        return SimpleNamespace(more=False, files_before=0)

    async def nothing(*_: Any) -> int:
        return 0

    async def read(work: Any) -> Any:
        return work(None)

    async def rest(seconds: float) -> None:
        rests.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", rest)
    parts: list[Any] = [
        SimpleNamespace(read=read),
        SimpleNamespace(all=lambda _: [SimpleNamespace(name="t1"), SimpleNamespace(name="t2")]),
        SimpleNamespace(compact_due=done),
        SimpleNamespace(expire=nothing),
        SimpleNamespace(remove_due=nothing),
        SimpleNamespace(build_due=build_due),
    ]
    await LakeUpkeep(*parts).once()
    assert (built, len(rests)) == (["t1", "t2"], 2)
