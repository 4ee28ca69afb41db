"""A rule joins the version of a row that was in force when the event happened."""

import datetime as dt
from dataclasses import replace
from typing import Any

import duckdb
import pytest
from rules.check import Population, check_form
from rules.evaluate.person import Event, Person, value_of
from rules.evaluate.row_history import ALWAYS, FOREVER, RowHistory
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.testing import retailer
from rules.testing.engines import register
from rules.testing.people import World
from rules.tree import Condition, Expression
from rules.values import SCALE

CATALOGUE = retailer()
NOON = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
TICK = dt.timedelta(microseconds=1)
CHANGE, END = NOON - dt.timedelta(days=10), NOON - dt.timedelta(days=5)
MOVED = RowHistory.of([(CHANGE, {"brand": "B"}), (ALWAYS, {"brand": "A"}), (END, {})])
LATE = RowHistory.of([(CHANGE, {"brand": "B"})])
SETTING = Setting(CATALOGUE, NOON)


def view(seq: int, time: dt.datetime, item: str) -> Event:
    return Event("view_item", time, seq, {"item_id": item})


def line(seq: int, time: dt.datetime, item: str) -> Event:
    return Event("order_paid", time, seq, {"items": ({"item_id": item, "amount": SCALE},)})


WORLD = World(
    SETTING,
    persons={
        1: Person(events=(view(1, CHANGE - TICK, "moved"), line(2, CHANGE - TICK, "moved"))),
        2: Person(events=(view(3, CHANGE, "moved"), line(4, CHANGE, "late"))),
        3: Person(events=(view(5, END, "moved"), view(6, CHANGE - TICK, "late"), view(7, NOON, "none"))),
    },
    known=frozenset({1, 2, 3}),
    members=frozenset(),
    tables={"items": {"moved": MOVED, "late": LATE}},
)


def test_a_version_holds_from_its_start_up_to_the_next_one() -> None:
    assert [MOVED.at(each).get("brand") for each in (CHANGE - TICK, CHANGE, END - TICK, END)] == [
        "A",
        "B",
        "B",
        None,
    ]
    assert LATE.at(CHANGE - TICK) == {}
    assert list(MOVED.stretches()) == [
        (ALWAYS, CHANGE, {"brand": "A"}),
        (CHANGE, END, {"brand": "B"}),
        (END, FOREVER, {}),
    ]


def test_of_one_start_the_last_given_version_counts() -> None:
    assert RowHistory.of([(CHANGE, {"brand": "A"}), (CHANGE, {"brand": "B"})]) == LATE


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("COUNT(view_item WHERE item_id.brand = 'A')", [1, 0, 0]),
        ("COUNT(view_item WHERE item_id.brand = 'B')", [0, 1, 0]),
        ("COUNT(view_item WHERE item_id.brand IS UNKNOWN)", [0, 0, 3]),
        ("SUM(order_paid.items.amount WHERE item_id.brand = 'A')", [1, 0, 0]),
        ("COUNT(order_paid WHERE ANY(items, item_id.brand = 'B'))", [0, 1, 0]),
        ("DISTINCT(view_item.item_id.brand)", [1, 1, 0]),
    ],
)
def test_every_evaluator_joins_what_was_in_force(form: str, expected: list[int]) -> None:
    asked = check_form(form, CATALOGUE).form
    referee = [value_of(asked, WORLD.persons[each], SETTING, WORLD.tables) for each in (1, 2, 3)]
    assert referee == [each * SCALE for each in expected]
    assert by_tables(WORLD, asked) == referee


def by_tables(world: World, asked: Expression | Condition) -> list[Any]:
    with duckdb.connect() as connection:
        register(world, connection)
        relation = Tables(NamedRelations(), SETTING).columns({"value": asked}, Population.ALL)
        rows = DuckDb(connection).collect(relation).to_pylist()
    return [row["value"] for row in sorted(rows, key=lambda row: row["person_id"])]


def test_an_event_without_a_key_joins_no_row_whatever_rows_are_called() -> None:
    person = Person(events=(Event("view_item", CHANGE, 1, {}),))
    world = replace(WORLD, persons={1: person}, known=frozenset({1}), tables={"items": {"None": MOVED}})
    asked = check_form("COUNT(view_item WHERE item_id.brand = 'B')", CATALOGUE).form
    assert value_of(asked, person, SETTING, world.tables) == 0
    assert by_tables(world, asked) == [0]
