"""The canonical form and the feature plan say the same as the rule they came from."""

from hypothesis import given
from hypothesis import strategies as st
from rules.canonical import canonical_rule
from rules.check import check_rule
from rules.errors import NumberOverflow
from rules.evaluate.person import is_true
from rules.features import plan_features
from rules.parser import parse_form
from rules.printer import print_rule
from rules.testing import retailer, rules
from rules.testing.people import World, worlds
from rules.tree import Bool, Compare, Comparison, Feature, Node, Rule, Sequence
from rules.walk import rebuild

CATALOGUE = retailer()


@given(world=worlds(CATALOGUE), several=st.lists(rules(CATALOGUE), min_size=8, max_size=8))
def test_the_canonical_form_holds_for_the_same_people(world: World, several: list[Rule]) -> None:
    for rule in several:
        checked = check_rule(rule, CATALOGUE).rule
        canonical = canonical_rule(checked)
        for person in world.persons.values():
            try:
                expected = is_true(checked, person, world.setting, world.tables)
            except NumberOverflow:
                continue
            actual = is_true(canonical, person, world.setting, world.tables)
            assert actual == expected, f"{print_rule(checked)}\n{print_rule(canonical)}\n{person}"


def with_features_written_out(node: Node) -> Node:
    match node:
        case Compare(Comparison.EQ, Feature(form), Bool(True)):
            read = parse_form(form)
            return read if isinstance(read, Compare | Sequence) else rebuilt(node)
        case Feature(form):
            return parse_form(form)
    return rebuilt(node)


def rebuilt(node: Node) -> Node:
    return rebuild(node, with_features_written_out)


@given(rule=rules(CATALOGUE, whole=True))
def test_features_written_out_give_the_canonical_form_back(rule: Rule) -> None:
    checked = check_rule(rule, CATALOGUE).rule
    plan = plan_features(checked, CATALOGUE)
    assert rebuilt(plan.rule) == canonical_rule(checked)
