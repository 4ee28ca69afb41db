"""Columns built from the lake's files: mapped, read from files or both, everybody's events are the same."""

import asyncio
import datetime as dt
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq
import pytest
from rules.evaluate.events import Events
from rules.evaluate.setting import Setting
from rules.parser import parse_form
from rules.schema import Catalogue
from tagging.app.build_columns import BuildColumns, due
from tagging.domain.columns import microseconds
from tagging.domain.events import Event
from tagging.domain.lake import LakeFile
from tagging.domain.retention import EventHorizon
from tagging.domain.tenants import TenantSettings
from tagging.store.attached_lake import AttachedLake, HeldFacts, HeldFiles, Look
from tagging.store.column_building import ColumnBuilding
from tagging.store.dictionary_file import standard_dictionary
from tagging.store.event_read_ports import Mark
from tagging.store.lake_columns import LakeColumns
from tagging.store.lake_files import LakeFolder
from tagging.store.mapped_columns import MappedColumns
from tagging.store.ports import LivingPersons
from tagging.store.recent_events import RecentEvents
from tagging.store.stored_events import StoredEvents

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
DICTIONARY = standard_dictionary()
SCHEMA = Catalogue.of((), DICTIONARY.events.values(), DICTIONARY.tables.values())
FORMS = (
    "COUNT(order_paid) IN LAST 3 DAYS",
    "SUM(order_paid.amount)",
    "LAST(order_paid.channel)",
    "FIRST(order_paid.order_id)",
    "NTH(2, order_paid)",
    "SUM(order_paid.items.amount WHERE category = 'tea')",
    "DISTINCT(order_paid.items.brand)",
    "COUNT(order_paid WHERE ANY(items, quantity >= 2))",
    "DAYS(search)",
    "LAST(search.keyword)",
)


class Shop:
    """Files of a lake, columns built from some of them, and rows that are in no file yet."""

    def __init__(self, folder: Path) -> None:
        self.lake = LakeFolder(folder / "lake", LakeColumns(DICTIONARY))
        self.mapped = MappedColumns(folder / "columns", iter("abcdefgh").__next__)
        self.building = ColumnBuilding(self.lake, self.mapped, DICTIONARY)
        self.files: list[LakeFile] = []
        self.horizon = EventHorizon()
        self.replaced: list[int] = []
        self.recent: list[Event] = []

    def flush(self, *events: Event) -> list[LakeFile]:
        page = self.lake.collect(StoredEvents.of(events), TenantSettings())
        files = self.lake.write("t1", [page], len(self.files) + 1)
        self.files += files
        return files

    def build(self) -> int:
        return self.building.build("t1", self.files)

    def answers(self, *, mapped: bool = True) -> list[Any]:
        """Of persons 1, 3 and 5: keys 1 and 4 are of the first, 2 of the second, 3 of the third, 5 nobody's. Of some
        persons alone the answers are theirs, those who are no persons left out."""
        with duckdb.connect() as duck, duckdb.connect() as other:
            duck.execute("SET TimeZone = 'UTC'")
            other.execute("SET TimeZone = 'UTC'")
            files = HeldFiles(
                {file.path: self.lake.path(file) for file in self.files},
                0,
                self.mapped.current("t1") if mapped else None,
                Look(frozenset()),
            )
            facts = HeldFacts(
                [],
                {},
                files,
                RecentEvents(
                    [LakeColumns(DICTIONARY).untold(StoredEvents.of(self.recent))], LakeColumns(DICTIONARY)
                ),
                {},
                np.array(self.replaced, np.int64),
                self.horizon,
                np.array([0, 1, 3, 5, 1, 0]),
            )
            persons = LivingPersons(np.array([1, 3, 5]), np.ones(3, np.int8), np.zeros(3, np.uint64))
            attached = AttachedLake(duck, facts, persons)
            found = _answers(attached)
            some = attached.among(other, np.array([1, 4, 5, 9]))
            assert some.persons.ids.tolist() == [1, 5]
            assert _answers(some) == [[each[0], each[2]] for each in found]
            return [*found, *_active(attached)]


def _active(attached: AttachedLake) -> list[list[int]]:
    """Who ordered in the last ten hours, or between forty and fifty hours ago; and who did not."""
    last, then, never = ((0, 10), (40, 50), (-20, -10))
    hours = [[last], [last, then], [never]]
    spans = [
        [tuple(microseconds(NOW - dt.timedelta(hours=each)) for each in reversed(span)) for span in spans]
        for spans in hours
    ]
    return [each.tolist() for each in attached.persons_within(["order_paid"], spans)]


def _answers(attached: AttachedLake) -> list[Any]:
    """By form a slot per person, and when each did anything last."""
    events = Events(attached.columns(), Setting(SCHEMA, NOW))
    columns = [*map(events.values, map(parse_form, FORMS)), attached.latest(["order_paid", "search"], NOW)]
    return [
        [
            (column.texts[each] if len(column.texts) else each) if known else None
            for known, each in zip(column.known.tolist(), column.data.tolist(), strict=True)
        ]
        for column in columns
    ]


def order(sequence: int, key: int, hours_ago: int, **more: Any) -> Event:
    said = {"order_id": f"o{sequence}", "amount": sequence * 10_000, "channel": f"c{sequence % 3}"}
    line = {"amount": 5_000, "category": ("tea", "soap")[sequence % 2], "brand": f"b{sequence % 3}"}
    said["items"] = tuple({**line, "quantity": 10_000 * each} for each in range(sequence % 3))
    time = NOW - dt.timedelta(hours=hours_ago)
    return Event(sequence, "shop", f"e{sequence}", "order_paid", time, key, properties={**said, **more})


def search(sequence: int, key: int, hours_ago: int) -> Event:
    time = NOW - dt.timedelta(hours=hours_ago)
    said = {"keyword": f"茶{sequence}"} if sequence % 2 else {}
    return Event(sequence, "app", f"e{sequence}", "search", time, key, properties=said)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    shop = Shop(tmp_path)
    shop.flush(*(order(each, each % 5 + 1, each * 7 % 90) for each in range(1, 30)), search(30, 1, 3))
    return shop


def test_mapped_columns_tell_what_files_tell(shop: Shop) -> None:
    plain = shop.answers(mapped=False)
    assert shop.build() == 30
    assert shop.answers() == plain
    orders = [(each * 7 % 90, (each % 5 + 1)) for each in range(1, 30)]
    owners = {1: 1, 2: 3, 3: 5, 4: 1}
    recent = {owners[key] for ago, key in orders if 0 < ago <= 10 and key in owners}
    assert (plain[-3], plain[-1]) == (sorted(recent), [])
    since = TenantSettings().calendar.midnight(dt.date(2026, 3, 8))
    recent = [each for each in range(1, 30) if NOW - dt.timedelta(hours=each * 7 % 90) >= since]
    persons = [(1, 2, 3, 1, 0)[each % 5] for each in recent]
    assert shop.answers()[0] == [persons.count(person) * 10_000 for person in (1, 2, 3)]


def test_what_came_since_is_read_beside_them(shop: Shop) -> None:
    shop.build()
    shop.flush(order(41, 2, 1), order(42, 4, 80), search(43, 3, 2), search(45, 2, 2))
    shop.recent = [order(51, 1, 0), order(52, 4, 0), search(53, 3, 1)]
    assert shop.answers() == shop.answers(mapped=False)


def test_files_that_the_manifest_names_no_longer_do_not_count(shop: Shop) -> None:
    shop.flush(order(41, 2, 1), search(43, 3, 2))
    shop.build()
    gone = shop.files.pop(1)
    assert shop.answers() == shop.answers(mapped=False)
    assert due([*shop.files, gone], shop.building.covered("t1"), 1) is False
    shop.files.clear()
    assert shop.answers()[0] == [0, 0, 0]


def test_replaced_and_expired_events_do_not_count(shop: Shop) -> None:
    shop.build()
    shop.replaced = [3, 7]
    shop.horizon = EventHorizon(microseconds(NOW - dt.timedelta(hours=60)))
    assert shop.answers() == shop.answers(mapped=False)


def test_a_build_that_broke_off_changes_nothing(shop: Shop) -> None:
    shop.build()
    before = shop.answers()
    shop.mapped.begin("t1").array("order_paid", "key", np.zeros(1, np.int64))
    assert MappedColumns(shop.mapped._root, iter("xyz").__next__).current("t1").name == "a"
    assert shop.answers() == before
    shop.build()
    assert shop.answers() == before
    assert sorted(each.name for each in (shop.mapped._root / "t1").iterdir()) == ["CURRENT", "c"]


def test_dropped_columns_leave_nothing_behind(shop: Shop) -> None:
    shop.build()
    shop.building.drop("t1")
    assert (shop.building.covered("t1"), list((shop.mapped._root / "t1").iterdir())) == (frozenset(), [])
    assert shop.answers() == shop.answers(mapped=False)


def test_files_without_a_column_are_read_beside_columns_that_have_it(shop: Shop) -> None:
    """Of another release: what was said of the property is in `extra`."""
    shop.build()
    for file in shop.flush(order(41, 2, 1), search(43, 3, 2)):
        place = shop.lake.path(file)
        pq.write_table(
            pq.read_table(place, partitioning=None).drop_columns(["keyword", "items", "channel"]), place
        )
    plain = shop.answers(mapped=False)
    assert plain[FORMS.index("LAST(search.keyword)")] == [None, None, None]
    assert shop.answers() == plain
    shop.build()
    assert shop.answers() == plain


def test_columns_of_files_that_are_gone_go_with_the_erased(shop: Shop) -> None:
    shop.flush(order(41, 2, 1))
    shop.build()
    paths = {file.path for file in shop.files}
    shop.mapped.begin("t1")
    shop.building.keep("t1", {*paths, "more"})
    assert sorted(each.name for each in (shop.mapped._root / "t1").iterdir()) == ["CURRENT", "a"]
    shop.building.keep("t1", paths - {shop.files[0].path})
    assert list((shop.mapped._root / "t1").iterdir()) == []


def test_a_build_that_fails_leaves_nothing_behind(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    shop.build()
    before = shop.answers()

    def fail(*_: Any) -> int:
        raise OSError("No space left on device")

    monkeypatch.setattr(shop.building, "_build_type", fail)
    with pytest.raises(OSError, match="space"):
        shop.build()
    assert sorted(each.name for each in (shop.mapped._root / "t1").iterdir()) == ["CURRENT", "a"]
    assert shop.answers() == before


async def test_a_build_goes_when_its_lake_has_become_small(shop: Shop) -> None:
    async def read(work: Any, *args: Any) -> Any:
        return work(None, *args)

    database: Any = SimpleNamespace(read=read)
    manifest: Any = SimpleNamespace(files=lambda *_: shop.files)
    marks: Any = SimpleNamespace(flushed=lambda *_: Mark(30, 30))
    build = BuildColumns(database, manifest, marks, shop.building, asyncio.Lock())
    assert (await build.build_due("t1", 30), await build.build_due("t1", 30)) == (30, 0)
    assert shop.building.covered("t1")
    assert await build.build_due("t1", 31) == 0
    assert list((shop.mapped._root / "t1").iterdir()) == []


def test_a_build_is_due_when_an_eighth_is_not_in_it() -> None:
    day = NOW.date()
    files = [LakeFile(f"f{each}", day, 100, 1) for each in range(9)]
    covered = frozenset(file.path for file in files[:8])
    assert not due(files[:8], frozenset(), 1_000)
    assert due(files[:8], frozenset(), 800)
    assert not due(files[:8], covered, 800)
    assert not due(files, covered, 800)
    assert due([*files, LakeFile("f9", day, 100, 1)], covered, 800)
    assert due(files[2:8], covered, 100)


def test_a_build_is_due_when_a_day_in_it_has_expired() -> None:
    days = [NOW.date() - dt.timedelta(each) for each in range(20)]
    files = [LakeFile(f"t1/day={each}/f.parquet", each, 100, 1) for each in days]
    covered = frozenset(file.path for file in files)
    assert not due(files, covered, 100)
    assert due(files[:-1], covered, 100)
    merged = LakeFile(f"t1/day={days[-1]}/c.parquet", days[-1], 100, 1)
    assert not due([*files[:-1], merged], covered, 100)
