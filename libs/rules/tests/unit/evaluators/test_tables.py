"""The tables evaluator in the engine: exact arithmetic, shared scans, text that is never SQL."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import replace

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.check import Population, check_form, check_rule
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.person import Event, Person
from rules.evaluate.setting import Setting
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.evaluate.tables.exact import sql
from rules.testing import retailer
from rules.testing.engines import register
from rules.testing.people import World
from rules.tree import Compare, Comparison, Feature, Number
from rules.values import INT64_MAX, INT64_MIN, SCALE, add, divide, divide_half_even, multiply, subtract

CATALOGUE = retailer()
NOON = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
SETTING = Setting(CATALOGUE, NOON)
WORLD = World(
    SETTING,
    persons={
        1: Person({"points": INT64_MAX}, (Event("order_paid", NOON, 1, {"amount": INT64_MAX}),)),
        2: Person({"nickname": "'; DROP TABLE x; --\\"}, (Event("view_item", NOON, 2, {"price": 30_000}),)),
        3: Person(segments=frozenset({"staff"})),
    },
    known=frozenset({1, 2}),
    members=frozenset({2}),
    tables={},
)
TABLES = Tables(NamedRelations(), SETTING)
INT64 = st.integers(INT64_MIN, INT64_MAX) | st.integers(-30, 30)


@pytest.fixture
def connection() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as connection:
        yield connection


@pytest.fixture
def engine(connection: duckdb.DuckDBPyConnection) -> DuckDb:
    register(WORLD, connection)
    return DuckDb(connection)


@pytest.fixture(scope="module")
def arithmetic() -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection with the macros and no relations."""
    with duckdb.connect() as connection:
        DuckDb(connection)
        yield connection


def members(engine: DuckDb, rule: str, population: Population = Population.KNOWN) -> set[int]:
    found = engine.collect(TABLES.members(check_rule(rule, CATALOGUE).rule, population))
    return set(found["person_id"].to_pylist())


def test_members_of_each_population(engine: DuckDb) -> None:
    assert members(engine, "TRUE") == {1, 2}
    assert members(engine, "NOT DID order_paid", Population.ALL) == {2, 3}
    assert members(engine, "NOT DID order_paid", Population.MEMBER) == {2}
    assert members(engine, "IN SEGMENT 'staff'", Population.ALL) == {3}
    assert members(engine, "IN SEGMENT 'staff'") == set()


def test_a_value_for_everybody_of_the_population(engine: DuckDb) -> None:
    form = check_form("AVG(view_item.price)", CATALOGUE).form
    found = engine.collect(TABLES.values(form)).to_pylist()
    assert sorted(found, key=lambda row: row["person_id"]) == [
        {"person_id": 1, "value": None},
        {"person_id": 2, "value": 30_000},
    ]


def test_a_text_of_a_rule_is_never_sql(engine: DuckDb) -> None:
    assert members(engine, r"nickname = '''; DROP TABLE x; --\'") == {2}
    assert members(engine, r"nickname CONTAINS '--\'") == {2}


def test_a_result_that_does_not_fit_is_an_error(engine: DuckDb) -> None:
    for rule in ("SUM(order_paid.amount) + 1 > 0", "points * 2 > 0", "points / 0.5 > 0", "points + 1 > 0"):
        with pytest.raises(NumberOverflow):
            members(engine, rule)
    assert members(engine, "SUM(order_paid.amount) > 0") == {1}


def test_a_sum_beyond_int64_is_an_error(connection: duckdb.DuckDBPyConnection) -> None:
    twice = tuple(Event("order_paid", NOON, seq, {"amount": INT64_MAX}) for seq in (1, 2))
    register(replace(WORLD, persons={1: Person(events=twice)}), connection)
    engine = DuckDb(connection)
    with pytest.raises(NumberOverflow):
        members(engine, "SUM(order_paid.amount) > 0")
    assert members(engine, "AVG(order_paid.amount) > 0") == {1}


@given(left=INT64, right=INT64)
def test_the_engine_calculates_as_the_values_do(
    arithmetic: duckdb.DuckDBPyConnection, left: int, right: int
) -> None:
    for macro, exact in (("add", add), ("subtract", subtract), ("multiply", multiply), ("divide", divide)):
        question = f"SELECT rules_{macro}(?::BIGINT, ?::BIGINT)"
        try:
            expected = exact(left, right)
        except NumberOverflow:
            with pytest.raises(duckdb.Error):
                arithmetic.execute(question, [left, right]).fetchone()
        else:
            assert arithmetic.execute(question, [left, right]).fetchone() == (expected,)


@pytest.mark.parametrize("denominator", [-4, -2, -1, 1, 2, 4])
def test_the_engine_rounds_half_to_even(arithmetic: duckdb.DuckDBPyConnection, denominator: int) -> None:
    for numerator in range(-9, 10):
        found = arithmetic.execute("SELECT rules_half_even(?, ?)", [numerator, denominator]).fetchone()
        assert found == (divide_half_even(numerator, denominator),)


def test_aggregates_of_one_event_type_share_one_scan() -> None:
    forms = (
        "COUNT(order_paid WHERE amount > 5) IN LAST 7 DAYS",
        "SUM(order_paid.amount WHERE amount > 5) IN LAST 7 DAYS",
        "SUM(order_paid.amount WHERE amount > 5) IN LAST 30 DAYS",
        "LAST(order_paid.coupon_id)",
    )
    questions = {f"q{n}": check_form(form, CATALOGUE).form for n, form in enumerate(forms)}
    text = sql(TABLES.columns(questions))
    assert text.count('"events.order_paid"') == 1
    assert text.count('"amount" > 50000') == 1


def test_a_feature_is_not_read_from_tables() -> None:
    with pytest.raises(UnsupportedNode):
        TABLES.members(Compare(Comparison.EQ, Feature("COUNT(x)"), Number(SCALE)))
