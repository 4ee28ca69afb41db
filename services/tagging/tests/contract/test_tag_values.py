"""The contract of TagValues, on every store."""

import datetime as dt
import itertools

import numpy as np
import pytest
from rules.values import Kind
from tagging.domain.columns import Shape, Vector
from tagging.store.block_files import BlockFiles
from tagging.store.sql_values import SqlTagValues

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
LATER = NOW + dt.timedelta(hours=1)
NUMBER, TEXT, TEXTS = Shape(Kind.NUMBER), Shape(Kind.TEXT), Shape(Kind.TEXT, True)
NOBODY = np.empty(0, np.int64)


class Values:
    """TagValues of one tenant, each call in a transaction of its own."""

    def __init__(self, database, folder):
        self.database = database
        self.folder = folder
        self.machine_ms = 0
        self.ids = (f"id{number}" for number in itertools.count())
        self.open()

    def open(self):
        self.files = BlockFiles(self.folder, lambda: next(self.ids))
        self.store = SqlTagValues(self.files, lambda: self.machine_ms)

    def __getattr__(self, name):
        def call(*args, tenant="t1"):
            return self.database.write_now(getattr(self.store, name), tenant, *args)

        return call

    def publish_all(self, column, shape, rows, keep=(), as_of=NOW, among=None):
        """Publishes block 0 for the persons of `rows`."""
        persons = np.array(sorted(rows), np.int64)
        vector = Vector.of([rows[each] for each in persons.tolist()], shape)
        kept = np.array(sorted(keep), np.int64)
        of = None if among is None else np.array(sorted(among), np.int64)
        return self.publish(column, 0, persons, vector, kept, as_of, of)

    def plain(self, column, *person_ids):
        return {person: found.value for person, found in self.get([column], person_ids)[column].items()}


@pytest.fixture
def values(database, tmp_path):
    return Values(database, tmp_path / "values")


def test_a_column_holds_what_it_was_declared_for(values):
    values.declare("orders", NUMBER)
    values.declare("orders", NUMBER)
    values.put({"orders": {1: 10_000}}, NOW)
    assert values.columns() == {"orders": NUMBER}
    values.declare("orders", TEXT)
    assert values.columns() == {"orders": TEXT}
    assert values.plain("orders", 1) == {}
    assert values.columns(tenant="t2") == {}


def test_numbers_of_any_size_are_read_back_from_files(values):
    values.declare("spent", NUMBER)
    rows = {1: 2**53 + 1, 2: 2**63 - 1, 3: -(2**63), 4: 5}
    values.publish_all("spent", NUMBER, rows)
    values.open()
    assert values.plain("spent", 1, 2, 3, 4) == rows


def test_the_stream_s_values_stand_above_the_run_s(values):
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000, 2: 20_000, 3: None})
    values.put({"orders": {2: 30_000, 4: 40_000}}, LATER)
    found = values.get(["orders", "unheard_of"], [1, 2, 3, 4, 5, 70_000])
    assert found.keys() == {"orders"}
    assert {person: each.value for person, each in found["orders"].items()} == {
        1: 10_000,
        2: 30_000,
        3: None,
        4: 40_000,
        5: None,
    }
    assert (found["orders"][1].from_run, found["orders"][1].as_of) == (True, NOW)
    assert (found["orders"][2].from_run, found["orders"][2].as_of) == (False, LATER)
    assert values.known_count("orders") == 3


def test_a_value_becomes_unknown(values):
    values.declare("city", TEXT)
    values.put({"city": {1: "上海"}}, NOW)
    values.put({"city": {1: None}}, LATER)
    assert values.plain("city", 1) == {1: None}
    assert values.known_count("city") == 0


def test_publishing_tells_exactly_what_changed(values):
    values.declare("city", TEXT)
    first = values.publish_all("city", TEXT, {1: "上海", 2: "北京", 3: None})
    assert first.old.rows() == {1: (), 2: ()}
    assert {person: first.texts[codes[0]] for person, codes in first.new.rows().items()} == {
        1: "上海",
        2: "北京",
    }
    second = values.publish_all("city", TEXT, {1: "上海", 2: "广州", 3: "北京"}, as_of=LATER)
    assert second.new.rows().keys() == {2, 3}
    assert set(second.texts.values()) == {"广州"}  # 北京 was told before
    third = values.publish_all("city", TEXT, {1: "上海"})
    assert third.new.rows() == {2: (), 3: ()}
    assert values.plain("city", 1, 2, 3) == {1: "上海", 2: None, 3: None}


def test_a_text_of_the_stream_is_told_by_the_first_block_that_has_it(values):
    values.declare("city", TEXT)
    values.put({"city": {1: "上海"}}, NOW)
    change = values.publish_all("city", TEXT, {1: "北京", 2: "上海"})
    assert set(change.texts.values()) == {"上海", "北京"}


def test_touched_persons_keep_their_value(values):
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000, 2: 20_000, 3: 30_000})
    values.put({"orders": {2: 50_000}}, LATER)
    change = values.publish_all("orders", NUMBER, {1: 11_000, 2: 21_000, 3: 31_000}, keep=[2, 3])
    assert change.new.rows() == {1: (11_000,)}
    assert values.plain("orders", 1, 2, 3) == {1: 11_000, 2: 50_000, 3: 30_000}
    kept = values.get(["orders"], [2])["orders"][2]
    assert (kept.from_run, kept.as_of) == (False, LATER)


def test_publishing_some_persons_leaves_all_others_as_they_are(values):
    """Of 1 something else is found, of 2 nothing, 3 lives no more, 4 was touched meanwhile, 6 is new; 5 and 7 were not
    looked at."""
    values.declare("city", TEXT)
    values.publish_all("city", TEXT, {1: "上海", 2: "上海", 3: "上海", 4: "上海", 5: "北京"})
    values.put({"city": {4: "深圳", 7: "深圳"}}, LATER)
    rows, latest = {1: "广州", 2: None, 4: "广州", 6: "上海"}, LATER + dt.timedelta(hours=1)
    change = values.publish_all("city", TEXT, rows, keep=[4], as_of=latest, among=[1, 2, 3, 4, 6])
    texts = values.texts("city")
    assert {person: [texts[each] for each in codes] for person, codes in change.old.rows().items()} == {
        1: ["上海"],
        2: ["上海"],
        3: ["上海"],
        6: [],
    }
    assert {person: [texts[each] for each in codes] for person, codes in change.new.rows().items()} == {
        1: ["广州"],
        2: [],
        3: [],
        6: ["上海"],
    }
    assert set(change.texts.values()) == {"广州"}
    values.open()
    found = values.get(["city"], range(1, 8))["city"]
    assert {person: (each.value, each.as_of, each.from_run) for person, each in found.items()} == {
        1: ("广州", latest, True),
        2: (None, latest, True),
        3: (None, latest, True),
        4: ("深圳", LATER, False),
        5: ("北京", latest, True),
        6: ("上海", latest, True),
        7: ("深圳", LATER, False),
    }
    assert values.known_count("city") == 5


def test_a_file_is_written_only_where_one_of_some_persons_differs(values):
    """The stream's value of a person who was looked at becomes the run's; that of another stays the stream's."""
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000, 2: 20_000})
    values.put({"orders": {3: 30_000}}, LATER)
    (name,) = values.files.names()
    same = values.publish_all("orders", NUMBER, {1: 10_000}, as_of=LATER, among=[1, 9])
    assert (same.new.rows(), values.files.names()) == ({}, {name})
    assert values.get(["orders"], [2])["orders"][2].as_of == LATER
    assert not values.get(["orders"], [3])["orders"][3].from_run
    assert values.publish_all("orders", NUMBER, {3: 30_000}, as_of=LATER, among=[3]).new.rows() == {}
    assert len(values.files.names()) == 2
    assert values.get(["orders"], [3])["orders"][3].from_run
    assert values.plain("orders", 1, 2, 3) == {1: 10_000, 2: 20_000, 3: 30_000}


def test_a_column_is_read_of_some_persons(values):
    for column, shape, rows in (
        ("city", TEXT, {1: "上海", 2: "北京", 3: None}),
        ("likes", TEXTS, {1: ("茶", "咖啡"), 2: ("茶",), 3: ()}),
        ("spent", NUMBER, {1: -1, 2: 2**62, 3: None}),
    ):
        values.declare(column, shape)
        values.publish_all(column, shape, rows)
        persons, vector = values.open_column(column, np.array([2, 3, 9], np.int64))
        assert (persons.tolist(), vector.known.tolist(), vector.data.tolist()) == ([2], [True], [rows[2]])
        persons, vector = values.open_column(column)
        known = {person: value for person, value in rows.items() if value}
        decoded = {
            person: tuple(sorted(each)) if isinstance(each, tuple) else each for person, each in known.items()
        }
        assert dict(zip(persons.tolist(), vector.data.tolist(), strict=True)) == decoded


def test_lists_are_sets(values):
    values.declare("likes", TEXTS)
    values.put({"likes": {1: ("茶", "咖啡", "茶")}}, NOW)
    values.publish_all("likes", TEXTS, {1: ("咖啡", "茶"), 2: ("茶",), 3: ()})
    assert values.plain("likes", 1, 2, 3) == {1: ("咖啡", "茶"), 2: ("茶",), 3: None}


def test_folding_changes_nothing_that_is_read(values):
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000, 2: 20_000})
    values.put({"orders": {2: None, 3: 30_000, 70_000: 7}}, LATER)
    before = values.get(["orders"], [1, 3, 70_000])
    assert values.fold(2) == 1
    assert values.get(["orders"], [1, 3, 70_000]) == before
    assert values.plain("orders", 2) == {2: None}
    assert values.blocks("orders") == [0, 1]
    assert values.fold(2) == 0


def test_whole_columns_read_back(values):
    values.declare("city", TEXT)
    values.publish_all("city", TEXT, {1: "上海", 2: "北京", 3: None})
    values.put({"city": {2: "广州", 65_540: "深圳"}}, LATER)
    persons, vector = values.open_column("city")
    assert persons.tolist() == [1, 2, 65_540]
    assert vector.data.tolist() == ["上海", "广州", "深圳"]
    coded, as_of = values.read_block("city", 0)
    texts = values.texts("city")
    assert {person: texts[codes[0]] for person, codes in coded.rows().items()} == {1: "上海", 2: "广州"}
    assert as_of == NOW


def test_a_scan_reads_the_same_and_lets_what_is_in_memory_stay(values):
    values.declare("orders", NUMBER)
    values.declare("city", TEXT)
    values.publish_all("orders", NUMBER, {1: 10_000, 2: 20_000})
    values.publish_all("city", TEXT, {1: "上海"})
    values.put({"orders": {2: None, 3: 30_000}}, LATER)
    values.files = BlockFiles(values.folder, lambda: next(values.ids), cache_bytes=1)
    values.store = SqlTagValues(values.files, lambda: 0)
    (in_memory,) = [name for name in values.files.names() if "city" in name]
    read_often = values.files.read(in_memory)
    scanned = values.scan_block("orders", 0)
    assert scanned.rows() == {1: (10_000,), 3: (30_000,)}
    assert values.files.read(in_memory) is read_often
    assert values.read_block("orders", 0)[0].rows() == scanned.rows()
    assert values.files.read(in_memory) is not read_often


def test_values_survive_a_restart(values):
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000})
    values.put({"orders": {2: 20_000}}, LATER)
    values.open()
    assert values.plain("orders", 1, 2) == {1: 10_000, 2: 20_000}


def test_a_publication_that_never_commits_changes_nothing(values):
    """As when the process dies between the block file and the commit."""
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000})

    def die(connection):
        persons = np.array([1], np.int64)
        values.store.publish(connection, "t1", "orders", 0, persons, Vector.of([99], NUMBER), NOBODY, LATER)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        values.database.write_now(die)
    values.open()
    assert values.plain("orders", 1) == {1: 10_000}
    assert len(values.files.names()) == 2  # the orphan lies there, named by nothing
    assert values.database.read_now(values.store.sweep) == 1
    assert values.database.read_now(values.store.sweep) == 0
    assert values.plain("orders", 1) == {1: 10_000}
    assert values.publish_all("orders", NUMBER, {1: 12_000}).new.rows() == {1: (12_000,)}


def test_replaced_files_go_after_a_while(values):
    values.declare("orders", NUMBER)
    values.publish_all("orders", NUMBER, {1: 10_000})
    (first,) = values.files.names()
    values.machine_ms = 1_000
    values.publish_all("orders", NUMBER, {1: 20_000})
    assert values.database.write_now(values.store.retire, 1_000) == []
    assert values.database.write_now(values.store.retire, 1_001) == [first]
    values.store.remove([first])
    assert first not in values.files.names()
    assert values.plain("orders", 1) == {1: 20_000}


def test_a_dropped_column_is_gone(values):
    values.declare("city", TEXT)
    values.publish_all("city", TEXT, {1: "上海"})
    values.drop("city")
    assert values.columns() == {}
    assert values.get(["city"], [1]) == {}
    values.declare("city", TEXT)
    assert values.plain("city", 1) == {}
    assert values.texts("city") == {}


def test_the_cache_of_blocks_is_bounded(values):
    values.files._cache_bytes = 50
    values.declare("orders", NUMBER)
    for block in range(3):
        person = block * 65_536 + 1
        persons = np.array([person], np.int64)
        values.publish("orders", block, persons, Vector.of([block], NUMBER), NOBODY, NOW)
    assert len(values.files._cached) == 1
    assert values.plain("orders", 1, 65_537, 131_073) == {1: 0, 65_537: 1, 131_073: 2}
