"""The lake: files that any reader understands, a manifest that crashes cannot bend, relations that rules read."""

import datetime as dt
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import duckdb
import killed_lakes
import pytest
from rules.evaluate.tables import event_columns
from servicekit.database import Database
from tagging.app.flush_lake import FlushLake, FlushReport
from tagging.domain.events import Event
from tagging.domain.persons import Person, PersonState
from tagging.domain.reference_rows import RowVersion
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.lake_relations import DuckLakeRelations
from tagging.store.ports import Flushed
from tagging.store.sql_dictionaries import SqlEventDictionaries
from tagging.store.sql_events import SqlEventStore
from tagging.store.sql_key_map import SqlKeyMap
from tagging.store.sql_manifest import SqlManifest
from tagging.store.sql_references import SqlReferenceTables
from tagging.store.sql_tenants import SqlTenants
from tagging.store.stored_events import StoredEvents
from tagging.workers.lake_flush import LakeFlushing

NOON = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
SHANGHAI_NEXT_DAY = dt.datetime(2026, 5, 1, 16, tzinfo=dt.UTC)
DICTIONARY = standard_dictionary()
LINES = ({"item_id": "a", "quantity": 20_000, "amount": 5_000}, {"item_id": "b"})


class Lake:
    """Everything of the lake over one store."""

    def __init__(self, database: Database, root: Path) -> None:
        self.database, self.root = database, root
        self.manifest, self.tenants, self.events, self.key_map = (
            SqlManifest(),
            SqlTenants(),
            SqlEventStore(),
            SqlKeyMap(),
        )
        self.references = SqlReferenceTables()
        self.folder = LakeFolder(root, LakeColumns(DICTIONARY))
        self.flush_lake = FlushLake(database, self.manifest, self.tenants, self.folder)
        self.flushing = LakeFlushing(database, self.manifest, self.tenants, self.folder, self.flush_lake)
        self.relations = DuckLakeRelations(
            self.folder,
            self.manifest,
            self.key_map,
            self.references,
            SqlEventDictionaries(DICTIONARY),
            DICTIONARY,
        )

    def add(self, *events: Event, tenant: str = "t1") -> None:
        self.database.write_now(self.tenants.ensure, tenant, NOON)
        self.database.write_now(self.events.append, tenant, events)

    def plain(self, what: str = "ingest_sequence") -> list[object]:
        """What a reader sees who knows nothing but the folder."""
        glob = self.root / "*" / "day=*" / "*.parquet"
        rows = duckdb.sql(f"SELECT {what} FROM read_parquet('{glob}') ORDER BY ingest_sequence").fetchall()
        return [row[0] if len(row) == 1 else row for row in rows]

    def attached(self, *types: str) -> duckdb.DuckDBPyConnection:
        duck = duckdb.connect()
        self.database.read_now(self.relations.attach, duck, "t1", types).relate()
        return duck


@pytest.fixture
def lake(database: Database, tmp_path: Path) -> Lake:
    return Lake(database, tmp_path / "lake")


def paid(sequence: int, *, time: dt.datetime = NOON, key: int = 1, **properties: object) -> Event:
    return Event(
        sequence,
        "shop",
        f"e{sequence}",
        "order_paid",
        time,
        key,
        properties={"amount": sequence * 10_000, **properties},
    )


async def test_files_are_plain_parquet_by_tenant_and_local_day(lake: Lake) -> None:
    lake.add(
        paid(1, items=LINES, order_id="订单"),
        paid(2, time=SHANGHAI_NEXT_DAY),
        Event(
            3,
            "app",
            "e3",
            "dance",
            NOON,
            2,
            (4, 5),
            "north",
            extra={"style": "tango", "on": dt.date(2026, 5, 2)},
        ),
    )
    lake.add(paid(1), tenant="t2")
    assert await lake.flush_lake.flush("t1") == FlushReport(3, 2)
    assert await lake.flush_lake.flush("t2") == FlushReport(1, 1)
    rows = lake.plain(
        "ingest_sequence, amount, CAST(day AS VARCHAR), items, extra, other_key_ids, record_brand"
    )
    assert rows[0][:3] == (1, 10_000, "2026-05-01")
    assert rows[2][:3] == (2, 20_000, "2026-05-02")
    assert [line["quantity"] for line in (rows[0][3] or rows[1][3])] == [20_000, None]
    assert rows[3][4:] == ('{"on":{"$d":20575},"style":"tango"}', [4, 5], "north")
    assert lake.plain("typeof(time)")[0] == "TIMESTAMP WITH TIME ZONE"


async def test_the_manifest_tells_files_and_what_is_not_in_any(lake: Lake) -> None:
    assert await lake.flush_lake.flush("t1") == FlushReport()
    lake.add(paid(1), paid(2, time=SHANGHAI_NEXT_DAY))
    await lake.flush_lake.flush("t1")
    lake.add(paid(3))
    files = lake.database.read_now(lake.manifest.files, "t1")
    assert [(file.day.isoformat(), file.event_count) for file in files] == [
        ("2026-05-01", 1),
        ("2026-05-02", 1),
    ]
    assert all((lake.root / file.path).stat().st_size == file.size_bytes for file in files)
    assert lake.database.read_now(lake.manifest.recent_count, "t1") == 1
    assert await lake.flush_lake.flush("t1") == FlushReport(1, 1)
    assert await lake.flush_lake.flush("t1") == FlushReport()
    assert lake.plain() == [1, 2, 3]


async def test_a_flush_is_due_by_size_or_by_age(lake: Lake) -> None:
    def due(bytes_: int, before_ms: int) -> list[str]:
        return lake.database.read_now(lake.manifest.due, bytes_, before_ms)

    long_ago, far_ahead = 1, 2**60
    assert due(1, far_ahead) == []
    lake.add(paid(1))
    assert due(1, long_ago) == ["t1"]
    assert due(2**40, long_ago) == []
    assert due(2**40, far_ahead) == ["t1"]
    await lake.flush_lake.flush("t1")
    assert due(1, far_ahead) == []


def test_of_two_flushes_of_the_same_events_one_is_named(lake: Lake) -> None:
    lake.add(paid(1), paid(2))
    assert lake.database.write_now(lake.manifest.commit, "t1", [], Flushed(0, 2))
    assert not lake.database.write_now(lake.manifest.commit, "t1", [], Flushed(0, 1))
    assert lake.database.read_now(lake.manifest.flushed, "t1") == 2


async def test_events_flushed_while_others_come_stay_counted(lake: Lake) -> None:
    lake.add(paid(1), paid(2))
    lake.database.write_now(lake.manifest.commit, "t1", [], Flushed(0, 1))
    assert lake.database.read_now(lake.manifest.due, 1, 1) == ["t1"]
    assert lake.database.read_now(lake.manifest.recent_count, "t1") == 1


async def test_a_crash_before_the_manifest_leaves_nothing_after_the_next_flush(lake: Lake) -> None:
    lake.add(paid(1), paid(2, time=SHANGHAI_NEXT_DAY))
    page = lake.folder.collect(lake.database.read_now(lake.manifest.recent, "t1", 0, 10)[0], _settings(lake))
    lake.folder.write("t1", [page], 0)  # and the process dies here
    assert lake.database.read_now(lake.manifest.files, "t1") == []
    lake.add(paid(3))
    await lake.flush_lake.flush("t1")
    assert lake.plain() == [1, 2, 3]


async def test_a_start_removes_what_no_manifest_names(lake: Lake) -> None:
    lake.add(paid(1))
    await lake.flush_lake.flush("t1")
    lake.add(paid(2))
    page = lake.folder.collect(StoredEvents.of([paid(2)]), _settings(lake))
    lake.folder.write("t1", [page], 99)
    (lake.root / "t1" / "day=2026-05-01" / ".000000000099.parquet.writing").write_bytes(b"half")
    assert lake.flushing.sweep() == 2
    assert lake.plain() == [1]
    assert lake.flushing.sweep() == 0


@pytest.mark.parametrize("point", killed_lakes.FLUSHING)
async def test_kill_9_in_a_flush_leaves_nothing_half_visible(
    lake: Lake, migrated_url: str, point: str
) -> None:
    lake.add(paid(1), paid(2), paid(3, time=SHANGHAI_NEXT_DAY))
    running, _ = killed_lakes.started(killed_lakes.flush, migrated_url, lake.root, point)
    running.join()
    assert running.exitcode == -signal.SIGKILL
    assert lake.database.read_now(lake.manifest.files, "t1") == []
    assert _sequences(lake.attached("order_paid")) == []
    assert lake.flushing.sweep() > 0
    await lake.flush_lake.flush("t1")
    assert lake.plain() == [1, 2, 3]


def _sequences(duck: duckdb.DuckDBPyConnection) -> list[int]:
    return [
        row[0] for row in duck.sql("SELECT ingest_seq FROM events_order_paid ORDER BY ingest_seq").fetchall()
    ]


def _settings(lake: Lake):  # type: ignore[no-untyped-def]
    return lake.database.read_now(lake.tenants.all)[0].settings


@pytest.fixture(params=["no file", "files", "files and rows"])
def how_flushed(request: pytest.FixtureRequest) -> Callable[[Lake], object]:
    async def flush(lake: Lake) -> None:
        if request.param != "no file":
            await lake.flush_lake.flush("t1")

    return flush


async def test_relations_have_the_columns_that_rules_read(
    lake: Lake, how_flushed: Callable[[Lake], object]
) -> None:
    lake.add(paid(1))
    await how_flushed(lake)  # type: ignore[misc]
    duck = lake.attached(*DICTIONARY.events)
    for name, event in DICTIONARY.events.items():
        described = duck.sql(f"DESCRIBE events_{name}").fetchall()
        expected = event_columns(event)
        assert {row[0] for row in described} == set(expected)
        types = {row[0]: row[1] for row in described}
        assert (types["person_id"], types["time"], types["ingest_seq"]) == (
            "BIGINT",
            "TIMESTAMP WITH TIME ZONE",
            "BIGINT",
        )
    items = {row[0]: row[1] for row in duck.sql("DESCRIBE events_order_paid").fetchall()}["items"]
    assert (
        items == "STRUCT(amount BIGINT, brand VARCHAR, category VARCHAR, item_id VARCHAR, quantity BIGINT)[]"
    )


async def test_relations_fold_files_and_rows_over_the_key_map(lake: Lake) -> None:
    lake.database.write_now(
        lake.key_map.apply,
        "t1",
        [
            Person(7, 1, PersonState.MEMBER, key_ids=(1, 2), birth_hash=2**64 - 1),
            Person(8, 2, PersonState.REDIRECTED, redirect_person_id=7),
        ],
    )
    lake.add(paid(1, items=LINES, store_id="s1"), paid(2, key=2), paid(3, key=9), paid(4, key=0))
    await lake.flush_lake.flush("t1")
    lake.add(paid(5, channel="web"), paid(6, key=9))
    lake.database.write_now(lake.references.put, "t1", "stores", [RowVersion("s1", {"city": "上海"})])
    duck = lake.attached("order_paid", "search")
    rows = duck.sql(
        "SELECT person_id, ingest_seq, amount, source, store_id, channel FROM events_order_paid ORDER BY 2"
    )
    assert rows.fetchall() == [
        (7, 1, 10_000, "shop", "s1", None),
        (7, 2, 20_000, "shop", None, None),
        (7, 5, 50_000, "shop", None, "web"),
    ]
    assert duck.sql("SELECT count(*) FROM events_search").fetchall() == [(0,)]
    assert duck.sql("SELECT * FROM persons").fetchall() == [(7, 3, 2**64 - 1)]
    assert duck.sql("SELECT key, city FROM reference_stores").fetchall() == [("s1", "上海")]
    split = [Person(7, 10, PersonState.MEMBER, key_ids=(1,)), Person(8, 11, PersonState.KNOWN, key_ids=(2,))]
    lake.database.write_now(lake.key_map.apply, "t1", split)
    owners = lake.attached("order_paid").sql("SELECT person_id, ingest_seq FROM events_order_paid ORDER BY 2")
    assert owners.fetchall() == [(7, 1), (8, 2), (7, 5)]
    assert _sequences(duck) == [1, 2, 5]


async def test_relations_leave_out_what_files_hold_under_a_number_that_counts_no_longer(lake: Lake) -> None:
    stated = [Person(7, 1, PersonState.MEMBER, key_ids=(1,)), Person(8, 1, PersonState.MEMBER, key_ids=(2,))]
    lake.database.write_now(lake.key_map.apply, "t1", stated)
    lake.add(paid(1), paid(2))
    await lake.flush_lake.flush("t1")
    lake.add(replace(paid(1), ingest_sequence=9, anchor_key_id=2))
    found = "SELECT person_id, ingest_seq FROM events_order_paid ORDER BY 2"
    assert lake.attached("order_paid").sql(found).fetchall() == [(7, 2), (8, 9)]
    await lake.flush_lake.flush("t1")
    assert lake.attached("order_paid").sql(found).fetchall() == [(7, 2), (8, 9)]
    assert lake.plain() == [1, 2, 9], "files are never rewritten"
