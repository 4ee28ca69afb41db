"""Random rules asked of random people by all evaluators: equal sets, or the build is red.

The one-person evaluator is the referee. Behaviour reaches the bitmaps as features that it computed.
"""

import duckdb
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from rules.canonical import canonical_rule
from rules.check import Population, check_form, check_rule
from rules.errors import NumberOverflow
from rules.evaluate import bitmaps
from rules.evaluate.meaning import Value
from rules.evaluate.person import is_true, value_of
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.features import plan_features
from rules.printer import print_form, print_rule
from rules.testing import aggregates, numbers, retailer, rules
from rules.testing.engines import bitmaps_of, register
from rules.testing.people import World, worlds
from rules.tree import Expression, Rule

CATALOGUE = retailer()
RULES_PER_WORLD = 6
EXPRESSIONS_PER_WORLD = 6

# Random forms often miss the few events there are. These do not, and every world is asked them too.
FORMS = tuple(
    check_form(each, CATALOGUE).form
    for each in (
        "FIRST(order_paid.order_id)",
        "LAST(order_paid.amount)",
        "AVG(order_paid.amount) / 2 - AVG(order_paid.items.amount)",
        "SUM(order_paid.amount NET)",
        "DAYS(order_paid) IN LAST 3 MONTHS",
        "COUNT(order_paid) IN LAST 7 DAYS",
        "AVG(order_paid.weekday) IN LAST 3 MONTHS",
        "ELAPSED DAYS(birthday) - AGE(birthday)",
        "GAP(order_paid)",
        "STREAK(order_paid) - STREAK(order_paid BY WEEK) + STREAK(order_paid BY MONTH)",
        "NTH(2, order_paid.amount)",
    )
)
RULES = tuple(
    check_rule(each, CATALOGUE).rule
    for each in (
        "ELAPSED DAYS(last_seen) <= 1",
        "DAYS SINCE(last_seen) >= 0.5 AND NOT DAYS SINCE(LAST(order_paid)) > 7",
        "birthday ANNIVERSARY WITHIN NEXT 7 DAYS OR points + age IS UNKNOWN",
        "points > 1 OR points < age",
        "SEQUENCE(order_paid THEN order_paid WITHOUT order_paid WHERE channel = 'a' WITHIN 24 HOURS)",
        "SEQUENCE(order_paid THEN order_paid BY item_id.brand, channel)",
    )
)


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect(config={"threads": 1}) as connection:
        yield connection


@pytest.fixture(scope="module")
def engine(connection):
    return DuckDb(connection)


def referee(rule: Rule, world: World) -> frozenset[int]:
    """Raises NumberOverflow when any person's numbers overflow, whatever the population."""
    return frozenset(
        each for each, person in world.persons.items() if is_true(rule, person, world.setting, world.tables)
    )


def checked(rule: Rule) -> Rule:
    return check_rule(rule, CATALOGUE).rule


def counterexample(rule: Rule | Expression, world: World, wrong: frozenset[int], evaluator: str) -> str:
    text = print_rule(rule) if isinstance(rule, Rule) else print_form(rule)
    lines = [f"{evaluator} disagrees on persons {sorted(wrong)} about:", text, repr(rule)]
    lines += [f"{world.setting.as_of} {world.setting.calendar}", f"tables {world.tables}"]
    lines += [f"{each}: {world.persons[each]}" for each in sorted(wrong)]
    return "\n".join(lines)


@given(st.data())
def test_all_evaluators_give_equal_sets(connection, engine, data):
    world = data.draw(worlds(CATALOGUE))
    drawn = data.draw(st.lists(rules(CATALOGUE), min_size=1, max_size=RULES_PER_WORLD))
    expected: dict[str, tuple[Rule, frozenset[int]]] = {}
    for rule in (*RULES, *map(checked, drawn)):
        try:
            expected[f"rule{len(expected)}"] = rule, referee(rule, world)
        except NumberOverflow:
            note(f"overflows: {print_rule(rule)}")

    for rule, everyone in expected.values():
        canonical = canonical_rule(rule)
        wrong = referee(canonical, world) ^ everyone
        assert not wrong, counterexample(canonical, world, wrong, "the canonical form")
        plan = plan_features(rule, CATALOGUE)
        index = bitmaps_of(world, plan.features)
        for population in Population:
            found = frozenset(bitmaps.members(plan.rule, index, world.setting, population))
            wrong = found ^ (everyone & world.population(population))
            assert not wrong, counterexample(rule, world, wrong, "bitmaps")

    register(world, connection)
    tables = Tables(NamedRelations(), world.setting)
    questions = {name: rule for name, (rule, _) in expected.items()}
    answers = engine.collect(tables.columns(questions, Population.ALL)).to_pylist()
    for name, (rule, everyone) in expected.items():
        wrong = frozenset(row["person_id"] for row in answers if row[name]) ^ everyone
        assert not wrong, counterexample(rule, world, wrong, "tables")


@given(st.data())
def test_tables_give_every_person_the_value_that_the_referee_gives(connection, engine, data):
    world = data.draw(worlds(CATALOGUE))
    expressions = st.one_of(
        aggregates(CATALOGUE, only_evaluable=False), numbers(CATALOGUE, only_evaluable=False)
    )
    drawn = data.draw(st.lists(expressions, min_size=1, max_size=EXPRESSIONS_PER_WORLD))
    expected: dict[str, tuple[Expression, dict[int, Value | None]]] = {}
    for expression in (*FORMS, *(check_form(each, CATALOGUE).form for each in drawn)):
        values = {}
        try:
            for each, person in world.persons.items():
                values[each] = value_of(expression, person, world.setting, world.tables)
            expected[f"value{len(expected)}"] = expression, values
        except NumberOverflow:
            note(f"overflows: {print_form(expression)}")

    register(world, connection)
    tables = Tables(NamedRelations(), world.setting)
    questions = {name: expression for name, (expression, _) in expected.items()}
    answers = engine.collect(tables.columns(questions, Population.ALL)).to_pylist()
    assert len(answers) == len(world.persons)
    for name, (expression, values) in expected.items():
        found = {row["person_id"]: row[name] for row in answers}
        wrong = frozenset(each for each in values if found[each] != values[each])
        detail = {each: (found[each], values[each]) for each in wrong}
        assert not wrong, f"(found, expected): {detail}\n" + counterexample(
            expression, world, wrong, "tables"
        )
