"""Random grouped aggregates asked of random people: what the engine groups is what the referee groups."""

import duckdb
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from rules.check import Population, check_grouped
from rules.errors import NumberOverflow
from rules.evaluate.person import groups_of
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.parser import parse_grouped
from rules.printer import print_grouped
from rules.testing import grouped, retailer
from rules.testing.engines import register
from rules.testing.people import worlds

CATALOGUE = retailer()
GROUPED = tuple(
    check_grouped(each, CATALOGUE).grouped
    for each in (
        "COUNT(order_paid BY items.category DECAY 7 DAYS)",
        "SUM(order_paid.items.amount BY category DECAY 30 DAYS)",
        "SUM(order_paid.items.amount WHERE quantity >= 0 BY item_id.brand) IN LAST 3 MONTHS",
        "DAYS(order_paid BY hour DECAY 1 DAY) IN PAST 30 DAYS",
    )
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture(scope="module")
def engine(connection):
    return DuckDb(connection)


@given(st.data())
def test_tables_give_every_person_the_groups_that_the_referee_gives(connection, engine, data):
    world = data.draw(worlds(CATALOGUE))
    drawn = data.draw(st.lists(grouped(CATALOGUE), min_size=1, max_size=3))
    register(world, connection)
    tables = Tables(NamedRelations(), world.setting)
    for each in (data.draw(st.sampled_from(GROUPED)), *drawn):
        asked = check_grouped(each, CATALOGUE).grouped
        assert parse_grouped(print_grouped(asked)) == asked
        try:
            expected = {
                (person_id, group.key): (group.number, group.events)
                for person_id, person in world.persons.items()
                for group in groups_of(asked, person, world.setting, world.tables)
            }
        except NumberOverflow:
            note(f"overflows: {print_grouped(asked)}")
            with pytest.raises(NumberOverflow):
                engine.collect(tables.groups(asked, Population.ALL))
            continue
        rows = engine.collect(tables.groups(asked, Population.ALL)).to_pylist()
        found = {(row["person_id"], row["key"]): (row["number"], row["events"]) for row in rows}
        assert len(found) == len(rows)
        wrong = sorted({key[0] for key, _ in found.items() ^ expected.items()})
        persons = "\n".join(f"{person}: {world.persons[person]}" for person in wrong)
        assert not wrong, f"{print_grouped(asked)} {world}\n{found}\n{expected}\n{persons}"
