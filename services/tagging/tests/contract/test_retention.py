"""Retention: what has expired counts nowhere, in the stream, in runs and in files alike, and is removed."""

import asyncio
import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from servicekit.revision import Lane, Revision
from sqlalchemy import text
from tagging.app.expire_events import ExpireEvents
from tagging.app.flush_lake import FlushLake
from tagging.app.retire_files import RetireFiles
from tagging.domain.retention import BEGINNING_US, EventHorizon, Retention
from tagging.domain.tenants import TenantSettings
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_retention import SqlEventRetention

ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"
SEARCHES = "{tag_id: searches, name: x, type: number, statistic: COUNT(search)}"
PERSON = 7


class Keeping:
    """Retention over one world, whose person has events of many days; some in files, some in rows alone."""

    def __init__(self, world: Any) -> None:
        self.world, self.manifest, self.retention = world, SqlManifest(), SqlEventRetention()
        self.root: Path = world.folder / "lake"
        self.open()

    def open(self) -> None:
        """As after a start."""
        world = self.world
        folder = LakeFolder(self.root, LakeColumns(world.dictionary))
        self.flush_lake = FlushLake(world.database, self.manifest, world.facts.tenants, folder)
        self.retire = RetireFiles(LakeMerging(folder), readers_s=0.0)
        self.expire_events = ExpireEvents(
            world.database,
            world.facts,
            self.manifest,
            self.retention,
            self.retire,
            asyncio.Lock(),
            world.changelog,
        )

    async def fill(self) -> None:
        world = self.world
        world.define(ORDERS, SEARCHES)
        world.store(world.person(PERSON, 1), world.person(8, 2))
        for days in (1, 29, 30, 31, 60, 100):
            for type_ in ("order_paid", "search"):
                world.store(world.event(1, type_, world.ago(days=days)))
        world.store(world.event(2, "order_paid", world.ago(days=1)))
        await self.flush_lake.flush("t1")
        world.store(world.event(1, "order_paid", world.ago(days=90)))

    def keep(self, days: int = 0, **by_type: int) -> None:
        settings = TenantSettings(event_retention_days=days)
        self.world.database.write_now(self.world.facts.tenants.put_settings, "t1", settings)
        self.world.database.write_now(self.retention.put, "t1", by_type)

    def identity_is_at(self, position: int) -> None:
        through = Revision("identity", "00000000000000aa", live=position, bulk=position)
        for lane in Lane:
            self.world.database.write_now(self.world.facts.progress.advance, lane, through)

    async def expire(self) -> int:
        return await self.expire_events.expire("t1")

    def stale(self) -> set[int]:
        return set(self.world.database.read_now(self.world.facts.progress.stale_persons, "t1", 99))

    def counted(self) -> dict[str, int]:
        """By the stream, by a run and by relations; all the same."""
        world = self.world
        world.database.write_now(world.recompute, "t1", frozenset({PERSON, 8}), frozenset(), Lane.LIVE)
        streamed = world.values("orders", "searches")
        world.run("orders", "searches")
        assert world.values("orders", "searches") == streamed
        with duckdb.connect() as duck:
            world.database.read_now(
                world.everybody._lake.attach, duck, "t1", ["order_paid", "search"]
            ).relate()
            for tag, type_ in (("orders", "order_paid"), ("searches", "search")):
                rows = duck.sql(f"SELECT count(*) FROM events_{type_} WHERE person_id = {PERSON}").fetchall()
                assert rows == [(streamed[tag][PERSON] // 10_000,)]
        events = world.database.read_now(world.facts.events.of_persons, "t1", [PERSON])[PERSON]
        assert len(events) * 10_000 == streamed["orders"][PERSON] + streamed["searches"][PERSON]
        times = world.database.read_now(world.facts.events.times, "t1", [PERSON])
        latest = world.database.read_now(world.facts.events.latest, "t1", PERSON, 99)
        assert len(times) == len(latest) == len(events)
        return {tag: streamed[tag][PERSON] // 10_000 for tag in ("orders", "searches")}

    def rows(self) -> int:
        sql = text("SELECT count(*) FROM event WHERE anchor_key_id = 1")
        return int(self.world.database.read_now(lambda connection: connection.execute(sql).scalar_one()))

    def days_ago(self) -> list[int]:
        """The days of the files, counted back from today."""
        files = self.world.database.read_now(self.manifest.files, "t1")
        today = self.world.database.read_now(self.world.facts.tenants.get, "t1").day
        return [(today - file.day).days for file in files]


@pytest.fixture
async def keeping(world: Any) -> Keeping:
    made = Keeping(world)
    await made.fill()
    made.identity_is_at(10)
    return made


async def test_without_rules_nothing_expires(keeping: Keeping) -> None:
    assert await keeping.expire() == 0
    assert keeping.counted() == {"orders": 7, "searches": 6}
    assert keeping.stale() == set()
    assert keeping.days_ago() == [100, 60, 31, 30, 29, 1]


async def test_days_that_are_over_count_nowhere_and_are_removed(keeping: Keeping) -> None:
    keeping.keep(30)
    assert await keeping.expire() == 9
    assert keeping.stale() == {PERSON}, "8 lost nothing"
    assert keeping.counted() == {"orders": 2, "searches": 2}
    assert keeping.rows() == 4
    assert keeping.days_ago() == [30, 29, 1], "a zone may end the day before later than this one's"
    await keeping.retire.remove_due()
    assert len(list(keeping.root.rglob("*.parquet"))) == 3
    assert await keeping.expire() == 0


async def test_a_type_may_be_kept_longer_or_shorter_than_others(keeping: Keeping) -> None:
    keeping.keep(60, order_paid=0, search=30)
    assert await keeping.expire() == 4
    assert keeping.counted() == {"orders": 7, "searches": 2}
    assert keeping.days_ago() == [100, 60, 31, 30, 29, 1]
    keeping.keep(60, order_paid=95, search=30)
    assert await keeping.expire() == 1
    assert keeping.counted() == {"orders": 6, "searches": 2}
    assert keeping.days_ago() == [60, 31, 30, 29, 1]


async def test_time_goes_on_by_the_tenants_day(keeping: Keeping) -> None:
    keeping.keep(30)
    await keeping.expire()
    world = keeping.world
    world.clock.advance(dt.timedelta(days=1))
    assert await keeping.expire() == 0, "the day is not rolled yet"
    world.database.write_now(world.facts.tenants.set_day, "t1", dt.date(2026, 3, 11))
    assert await keeping.expire() == 2
    assert keeping.counted() == {"orders": 1, "searches": 1}


async def test_what_expired_does_not_come_back(keeping: Keeping) -> None:
    keeping.keep(30)
    await keeping.expire()
    keeping.keep(0, search=0)
    await keeping.expire()
    assert keeping.counted() == {"orders": 2, "searches": 2}
    world = keeping.world
    world.store(world.event(1, "search", world.ago(days=60)))
    assert keeping.counted() == {"orders": 2, "searches": 2}, "a late one is too old, too"
    assert await keeping.expire() == 1


class DyingAt:
    """A store whose process dies at its nth write: before it, or when it is committed."""

    def __init__(self, database: Any, write: int, *, after: bool) -> None:
        self._database, self._left, self._after = database, write, after

    async def write(self, *work: Any) -> Any:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Died
        done = await self._database.write(*work)
        if self._left < 0:
            raise Died
        return done


class Died(Exception):
    pass


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_step_leaves_what_the_next_start_ends(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch, *, after: bool
) -> None:
    monkeypatch.setattr("tagging.app.expire_events.REMOVED", 3)
    keeping.keep(30)
    deaths = 0
    for write in range(6):
        keeping.expire_events._database = DyingAt(keeping.world.database, write, after=after)
        try:
            await keeping.expire()
            break
        except Died:
            deaths += 1
        keeping.world.open()
        keeping.open()
        assert keeping.stale() in (set(), {PERSON})
    assert deaths >= 2
    keeping.open()
    assert await keeping.expire() == 0
    assert keeping.stale() == {PERSON}
    assert (keeping.rows(), keeping.days_ago()) == (4, [30, 29, 1])
    assert keeping.counted() == {"orders": 2, "searches": 2}


async def test_nothing_expires_while_identity_is_read_anew(keeping: Keeping) -> None:
    keeping.keep(30)
    keeping.world.database.write_now(keeping.world.facts.progress.begin)
    assert await keeping.expire() == 0
    assert keeping.counted() == {"orders": 7, "searches": 6}


async def test_another_tenants_events_stay(keeping: Keeping) -> None:
    world = keeping.world
    world.database.write_now(world.facts.tenants.ensure, "t2", world.clock.now())
    late = replace(world.event(1, "order_paid", world.ago(days=400)), anchor_key_id=3)
    world.database.write_now(world.facts.events.append, "t2", [late])
    keeping.keep(30)
    await keeping.expire()
    assert await keeping.expire_events.expire("t2") == 0
    sql = text("SELECT count(*) FROM event WHERE tenant = 't2'")
    assert world.database.read_now(lambda connection: connection.execute(sql).scalar_one()) == 1


def test_a_horizon_rises_and_never_falls() -> None:
    calendar, today = TenantSettings().calendar, dt.date(2026, 3, 10)
    first = EventHorizon().raised(Retention(30, {"search": 7, "order_paid": 0}), today, calendar)
    assert first.of("order_paid") == BEGINNING_US
    assert first.of("search") > first.of("anything") > BEGINNING_US
    loosened = first.raised(Retention(0, {"search": 400}), today, calendar)
    assert loosened == first
    dropped = first.raised(Retention(30), today + dt.timedelta(days=1), calendar)
    assert dropped.of("anything") > first.of("anything")
    assert dropped.of("search") == first.of("search")
    assert dropped.of("order_paid") == dropped.of("anything")


async def test_windows_longer_than_what_is_kept_are_warned_of(keeping: Keeping) -> None:
    windows = {"short": "COUNT(order_paid) IN LAST 30 DAYS", "long": "COUNT(order_paid) IN LAST 31 DAYS"}
    windows |= {"ever": "COUNT(order_paid)", "other": "COUNT(search)"}
    document = "{{tag_id: {}, name: x, type: number, statistic: {}}}"

    def warned() -> set[str]:
        found = set()
        for tag_id, statistic in windows.items():
            told = keeping.world.define(document.format(tag_id, statistic)).warnings
            assert all("order_paid is kept 30 days" in each for each in told)
            found |= {tag_id} if told else set()
        return found

    assert warned() == set()
    keeping.keep(0, order_paid=30)
    assert warned() == {"long", "ever"}
