"""Random rules asked of random people by all evaluators: equal sets, or the build is red.

The one-person evaluator is the referee. Behaviour reaches the bitmaps as features that it computed.
"""

import duckdb
import pytest
from hypothesis import given, note
from hypothesis import strategies as st
from rules.check import Population, check_rule
from rules.errors import NumberOverflow
from rules.evaluate import bitmaps
from rules.evaluate.person import is_true
from rules.evaluate.tables import DuckDb, NamedRelations, Tables
from rules.printer import print_form, print_rule
from rules.testing import retailer, rules
from rules.testing.engines import bitmaps_of, register
from rules.testing.people import World, worlds
from rules.tree import Aggregate, Feature, Node, Rule
from rules.walk import rebuild

CATALOGUE = retailer()
RULES_PER_WORLD = 12


@pytest.fixture(scope="module")
def connection():
    with duckdb.connect() as connection:
        yield connection


def referee(rule: Rule, world: World) -> frozenset[int]:
    """Raises NumberOverflow when any person's numbers overflow, whatever the population."""
    return frozenset(
        each for each, person in world.persons.items() if is_true(rule, person, world.setting, world.tables)
    )


def checked(rule: Rule) -> Rule:
    return check_rule(rule, CATALOGUE).rule


def counterexample(rule: Rule, world: World, wrong: frozenset[int], evaluator: str) -> str:
    lines = [f"{evaluator} disagrees on persons {sorted(wrong)} about:", print_rule(rule), repr(rule)]
    lines += [f"{world.setting.as_of} {world.setting.calendar}", f"tables {world.tables}"]
    lines += [f"{each}: {world.persons[each]}" for each in sorted(wrong)]
    return "\n".join(lines)


def with_features(rule: Rule) -> tuple[Rule, dict[str, Aggregate]]:
    found: dict[str, Aggregate] = {}

    def change(node: Node) -> Node:
        if isinstance(node, Aggregate):
            form = print_form(node)
            found[form] = node
            return Feature(form)
        return rebuild(node, change)

    return rebuild(rule, change), found


@given(st.data())
def test_all_evaluators_give_equal_sets(connection, data):
    world = data.draw(worlds(CATALOGUE))
    drawn = data.draw(st.lists(rules(CATALOGUE), min_size=1, max_size=RULES_PER_WORLD))
    expected: dict[str, tuple[Rule, frozenset[int]]] = {}
    for rule in map(checked, drawn):
        try:
            expected[f"rule{len(expected)}"] = rule, referee(rule, world)
        except NumberOverflow:
            note(f"overflows: {print_rule(rule)}")

    for rule, everyone in expected.values():
        rewritten, features = with_features(rule)
        index = bitmaps_of(world, features)
        for population in Population:
            found = frozenset(bitmaps.members(rewritten, index, world.setting, population))
            wrong = found ^ (everyone & world.population(population))
            assert not wrong, counterexample(rule, world, wrong, "bitmaps")

    register(world, connection)
    tables, engine = Tables(NamedRelations(), world.setting), DuckDb(connection)
    questions = {name: rule for name, (rule, _) in expected.items()}
    answers = engine.collect(tables.columns(questions, Population.ALL)).to_pylist()
    for name, (rule, everyone) in expected.items():
        wrong = frozenset(row["person_id"] for row in answers if row[name]) ^ everyone
        assert not wrong, counterexample(rule, world, wrong, "tables")
