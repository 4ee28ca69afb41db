"""Compaction: few files, in order, no event lost or twice, whatever kills it and whenever."""

import asyncio
import datetime as dt
import random
import signal
from pathlib import Path
from typing import Any

import duckdb
import killed_lakes
import pyarrow.parquet as pq
import pytest
from servicekit.database import Database
from tagging.app.compact_lake import CompactLake
from tagging.app.flush_lake import FlushLake
from tagging.app.retire_files import RetireFiles
from tagging.domain.events import Event
from tagging.domain.lake import LakeFile
from tagging.domain.persons import Person, PersonState
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_relations import DuckLakeRelations
from tagging.store.lake_rewriting import LakeMerging
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_references import SqlReferenceTables
from tagging.store.sql_tenants import SqlTenants
from tagging.workers.lake_flush import LakeFlushing

NOON = dt.datetime(2026, 5, 1, 4, tzinfo=dt.UTC)
DICTIONARY = standard_dictionary()


class Lake:
    """A lake with small files of two days over one store."""

    def __init__(self, database: Database, root: Path) -> None:
        self.database, self.root = database, root
        self.manifest, self.tenants, self.events = SqlManifest(), SqlTenants(), SqlEventStore()
        self.key_map = SqlKeyMap()
        self.open()

    def open(self) -> None:
        """As after a start."""
        self.folder = LakeFolder(self.root, LakeColumns(DICTIONARY))
        self.flush_lake = FlushLake(self.database, self.manifest, self.tenants, self.folder)
        rewriting = LakeMerging(self.folder)
        self.retire = RetireFiles(rewriting, readers_s=0.0)
        self.compact = CompactLake(
            self.database, self.manifest, self.tenants, rewriting, self.retire, asyncio.Lock()
        )
        flushing = LakeFlushing(self.database, self.manifest, self.tenants, self.folder, self.flush_lake)
        self.swept = flushing.sweep()

    async def fill(self, flushes: int = 6) -> None:
        self.database.write_now(self.tenants.ensure, "t1", NOON)
        self.database.write_now(self.key_map.apply, "t1", [Person(7, 1, PersonState.MEMBER, key_ids=(1,))])
        for flush in range(flushes):
            events = [event(10 * flush + place) for place in range(10)]
            self.database.write_now(self.events.append, "t1", events)
            await self.flush_lake.flush("t1")

    def files(self) -> list[LakeFile]:
        return self.database.read_now(self.manifest.files, "t1")

    def on_disk(self) -> set[str]:
        return {str(each.relative_to(self.root)) for each in self.root.glob("*/day=*/*")}

    def relation(self) -> Any:
        duck = duckdb.connect()
        relations = DuckLakeRelations(
            self.folder,
            self.manifest,
            self.key_map,
            SqlReferenceTables(),
            SqlEventDictionaries(DICTIONARY),
            DICTIONARY,
        )
        self.database.read_now(relations.attach, duck, "t1", ["order_paid", "search"]).relate()
        return duck

    def told(self) -> list[Any]:
        """Every event as rules see it."""
        found = []
        duck = self.relation()
        for name in ("order_paid", "search"):
            found += duck.sql(f"SELECT * FROM events_{name} ORDER BY ingest_seq").to_arrow_table().to_pylist()
        return found


def event(sequence: int) -> Event:
    """Of two types and two days, later ones earlier within the day."""
    time_ = NOON + dt.timedelta(days=sequence % 2, seconds=-(sequence // 3))
    if sequence % 5 == 0:
        return Event(
            sequence + 1, "app", f"s{sequence}", "search", time_, 1, extra={"words": ["裙子", sequence]}
        )
    lines = ({"item_id": f"i{sequence}", "quantity": 10_000},) if sequence % 3 == 0 else ()
    properties: dict[str, Any] = {"amount": sequence * 10_000, "items": lines}
    return Event(
        sequence + 1, "shop", f"e{sequence}", "order_paid", time_, 1, (2, 3), "north", properties=properties
    )


@pytest.fixture
async def lake(database: Database, tmp_path: Path) -> Lake:
    made = Lake(database, tmp_path / "lake")
    await made.fill()
    return made


async def test_small_files_of_a_day_become_one_in_order(lake: Lake) -> None:
    before = lake.told()
    assert len(lake.files()) == 12
    done = await lake.compact.compact("t1")
    assert (done.files_before, done.files_after, done.more) == (12, 2, False)
    assert len(lake.files()) == 2
    assert lake.told() == before
    for file in lake.files():
        table = pq.read_table(lake.root / file.path)
        order = list(zip(table["time"].to_pylist(), table["ingest_sequence"].to_pylist(), strict=True))
        assert order == sorted(order)
        assert len(order) == file.event_count
        assert (lake.root / file.path).stat().st_size == file.size_bytes
        assert table.schema.field("time").type == LakeColumns(DICTIONARY).schema.field("time").type


async def test_compacting_again_changes_nothing(lake: Lake) -> None:
    await lake.compact.compact("t1")
    files = lake.files()
    again = await lake.compact.compact("t1")
    assert (again.files_before, again.more) == (0, False)
    assert lake.files() == files


async def test_a_compacted_file_takes_part_in_the_next_merge(lake: Lake) -> None:
    await lake.compact.compact("t1")
    lake.database.write_now(lake.events.append, "t1", [event(100), event(102)])
    await lake.flush_lake.flush("t1")
    before = lake.told()
    done = await lake.compact.compact("t1")
    assert (done.files_before, done.files_after) == (2, 1)
    assert lake.told() == before
    assert len(before) == 62


async def test_replaced_files_stay_while_a_relation_reads_them(lake: Lake) -> None:
    before = lake.on_disk()
    reader = lake.relation()
    await lake.compact.compact("t1")
    assert await lake.retire.remove_due() == 0
    assert before < lake.on_disk()
    reader.close()
    del reader
    assert await lake.retire.remove_due() == 12
    assert lake.on_disk() == {file.path for file in lake.files()}
    assert lake.retire.waiting_count == 0


async def test_a_portion_says_that_there_is_more(lake: Lake) -> None:
    first = await lake.compact.compact("t1", portion_bytes=1)
    assert (first.files_before, first.files_after, first.more) == (6, 1, True)
    second = await lake.compact.compact("t1", portion_bytes=1)
    assert (second.files_before, second.more) == (6, False)


async def test_a_merge_that_was_overtaken_is_dropped(lake: Lake) -> None:
    before, files = lake.told(), lake.files()
    rewriting = LakeMerging(lake.folder)
    merged = rewriting.merged("t1", files[:6])
    assert lake.database.write_now(lake.manifest.replace, "t1", [file.path for file in files[:6]], [merged])
    late = rewriting.merged("t1", [*files[:5], merged])
    gone = [*(file.path for file in files[:5]), merged.path]
    assert not lake.database.write_now(lake.manifest.replace, "t1", gone, [late])
    assert lake.told() == before


async def test_days_that_are_over_are_compacted_without_being_asked(lake: Lake) -> None:
    done = await lake.compact.compact_due("t1")
    assert done.files_before == 0, "six files of a day that is not over are not worth it"
    lake.database.write_now(lake.tenants.set_day, "t1", dt.date(2026, 5, 2))
    done = await lake.compact.compact_due("t1")
    assert (done.files_before, done.files_after, done.more) == (6, 1, False)


@pytest.mark.parametrize("point", killed_lakes.COMPACTING)
async def test_kill_9_at_any_step_leaves_every_event_once(lake: Lake, migrated_url: str, point: str) -> None:
    before = lake.told()
    running, _ = killed_lakes.started(killed_lakes.compact, migrated_url, lake.root, point)
    running.join()
    assert running.exitcode == -signal.SIGKILL
    assert lake.told() == before, "as the process left it"
    lake.open()
    assert lake.told() == before
    assert lake.on_disk() == {file.path for file in lake.files()}
    await lake.compact.compact("t1")
    await lake.retire.remove_due()
    assert lake.told() == before
    assert len(lake.files()) == 2
    assert lake.on_disk() == {file.path for file in lake.files()}


async def test_kill_9_at_random_moments_leaves_every_event_once(lake: Lake, migrated_url: str) -> None:
    before, moments = lake.told(), random.Random(5)
    for _ in range(3):
        running, heard = killed_lakes.started(killed_lakes.compact, migrated_url, lake.root, "none")
        assert heard.recv() == "ready"
        await asyncio.sleep(moments.uniform(0, 0.12))
        running.kill()
        running.join()
        lake.open()
        assert lake.told() == before
        assert lake.on_disk() == {file.path for file in lake.files()}
