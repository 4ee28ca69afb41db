"""The contracts of ReferenceTables and MappingChanges, on each store."""

import datetime as dt

import pytest
from rules.evaluate.row_history import ALWAYS, RowHistory
from servicekit.database import Database
from tagging.domain.columns import microseconds
from tagging.domain.reference_rows import RowVersion
from tagging.errors import TableFull
from tagging.store.mapping_ports import Mapped
from tagging.store.sql_mapping_changes import SqlMappingChanges
from tagging.store.sql_references import SqlReferenceTables

MAY, JUNE = dt.datetime(2026, 5, 1, tzinfo=dt.UTC), dt.datetime(2026, 6, 1, tzinfo=dt.UTC)


def stored(database, references, *tables):
    return database.read_now(references.rows, "t1", tables)


def test_versions_replace_each_other_by_key_and_start(database: Database) -> None:
    references = SqlReferenceTables()
    first = [
        RowVersion("s1", {"city": "上海", "opened_on": dt.date(2020, 1, 2)}),
        RowVersion("s1", {"city": "北京"}, MAY),
        RowVersion("s2", {"city": "x"}),
    ]
    assert database.write_now(references.put, "t1", "stores", first) == 3
    assert database.write_now(references.put, "t1", "stores", first[::-1]) == 0
    assert stored(database, references, "stores", "items") == {
        "stores": {
            "s1": RowHistory((ALWAYS, MAY), (first[0].columns, first[1].columns)),
            "s2": RowHistory.always({"city": "x"}),
        },
        "items": {},
    }
    before = database.read_now(references.stamp, "t1")
    ended = [RowVersion("s1", {"region": "east"}, MAY), RowVersion("s1", {}, JUNE, has_ended=True)]
    assert database.write_now(references.put, "t1", "stores", ended) == 2
    assert database.read_now(references.stamp, "t1") != before
    history = stored(database, references, "stores")["stores"]["s1"]
    assert [history.at(each) for each in (MAY, JUNE)] == [{"region": "east"}, {}]
    assert database.read_now(references.versions, "t1", "stores", ["s1"]) == [first[0], *ended]
    assert database.read_now(references.counts, "t1") == {"stores": (2, 4)}
    assert database.read_now(references.rows, "t2", ["stores"]) == {"stores": {}}
    assert database.read_now(references.counts, "t2") == {}


def test_of_two_alike_in_a_request_the_later_counts(database: Database) -> None:
    references = SqlReferenceTables()
    twice = [RowVersion("s1", {"city": "a"}), RowVersion("s1", {"city": "b"})]
    assert database.write_now(references.put, "t1", "stores", twice) == 1
    assert stored(database, references, "stores")["stores"] == {"s1": RowHistory.always({"city": "b"})}


def test_what_is_kept_in_memory_follows_few_changes_and_many(database: Database) -> None:
    references = SqlReferenceTables()
    many = [RowVersion(f"i{number:04d}", {"price": number}) for number in range(1_234)]
    assert database.write_now(references.put, "t1", "items", many) == 1_234
    assert len(stored(database, references, "items")["items"]) == 1_234
    for changed in (3, 1_000):
        anew = [RowVersion(each.key, {"price": -changed}, MAY) for each in many[:changed]]
        writer = SqlReferenceTables()
        assert database.write_now(writer.put, "t1", "items", anew) == changed
        kept = stored(database, references, "items")
        assert kept == stored(database, SqlReferenceTables(), "items")
        assert kept["items"]["i0000"].at(MAY) == {"price": -changed}


def test_rows_are_read_page_by_page(database: Database) -> None:
    references = SqlReferenceTables()
    said = [RowVersion(key, {"price": 1}, start) for key in "ab" for start in (ALWAYS, MAY)]
    database.write_now(references.put, "t1", "items", said)
    after, pages = None, []
    while page := database.read_now(references.versions, "t1", "items", (), after, 3):
        pages.append(page)
        after = page[-1].key, microseconds(page[-1].start)
    assert pages == [said[:3], said[3:]]


def test_a_table_is_bounded_and_what_is_too_much_changes_nothing(database: Database) -> None:
    references = SqlReferenceTables(max_versions=2)
    database.write_now(references.put, "t1", "items", [RowVersion("a", {"price": 1})])
    with pytest.raises(TableFull, match="the limit is 2"):
        database.write_now(references.put, "t1", "items", [RowVersion("b", {}), RowVersion("c", {})])
    assert database.write_now(references.put, "t1", "items", [RowVersion("b", {})]) == 1
    assert database.write_now(references.put, "t1", "items", [RowVersion("a", {"price": 2})]) == 1


def test_a_change_waits_until_it_is_settled_as_it_was_seen(database: Database) -> None:
    changes, items, stores = SqlMappingChanges(), Mapped("table", "items"), Mapped("table", "stores")
    assert database.read_now(changes.waiting) == {}
    database.write_now(changes.add, "t1", items, 5)
    database.write_now(changes.add, "t2", stores, 6)
    database.write_now(changes.add, "t1", items, 7)
    seen = database.read_now(changes.waiting)
    assert [(each.mapped, each.number, each.since_ms, each.latest_ms) for each in seen["t1"]] == [
        (items, 2, 5, 7)
    ]
    database.write_now(changes.add, "t1", items, 9)
    database.write_now(changes.settle, "t1", seen["t1"])
    assert list(database.read_now(changes.waiting)) == ["t1", "t2"]
    database.write_now(changes.settle, "t1", database.read_now(changes.waiting)["t1"])
    assert list(database.read_now(changes.waiting)) == ["t2"]
