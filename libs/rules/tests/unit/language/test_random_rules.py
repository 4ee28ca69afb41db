"""Random well-typed rules: what must hold for every rule of the language."""

from hypothesis import given
from rules.canonical import canonical_form_text, canonical_rule
from rules.check import check_form, check_rule
from rules.features import plan_features
from rules.parser import parse
from rules.printer import print_rule
from rules.testing import retailer, rules
from rules.tree import Aggregate, Feature, Rule, Sequence
from rules.walk import walk

CATALOGUE = retailer()
ANY_RULE = rules(CATALOGUE, whole=True)


@given(rule=ANY_RULE)
def test_reading_what_was_printed_gives_the_same_tree(rule: Rule) -> None:
    assert parse(print_rule(rule)) == rule


@given(rule=ANY_RULE)
def test_a_random_rule_passes_the_check(rule: Rule) -> None:
    checked = check_rule(rule, CATALOGUE)
    assert parse(print_rule(checked.rule)) == checked.rule


@given(rule=ANY_RULE)
def test_checking_a_checked_rule_changes_nothing(rule: Rule) -> None:
    once = check_rule(rule, CATALOGUE).rule
    assert check_rule(once, CATALOGUE).rule == once


@given(rule=ANY_RULE)
def test_the_canonical_form_is_a_fixed_point_of_printing_and_reading(rule: Rule) -> None:
    canonical = canonical_rule(check_rule(rule, CATALOGUE).rule)
    read = parse(print_rule(canonical))
    assert read == canonical
    assert canonical_rule(read) == canonical


@given(rule=ANY_RULE)
def test_the_canonical_form_passes_the_check_unchanged(rule: Rule) -> None:
    canonical = canonical_rule(check_rule(rule, CATALOGUE).rule)
    assert check_rule(canonical, CATALOGUE).rule == canonical


@given(rule=ANY_RULE)
def test_every_feature_form_reads_back_by_itself_with_its_type(rule: Rule) -> None:
    plan = plan_features(check_rule(rule, CATALOGUE).rule, CATALOGUE)
    for feature in plan.features:
        checked = check_form(feature.text, CATALOGUE)
        assert checked.type == feature.type
        assert canonical_form_text(checked.form) == feature.text


@given(rule=ANY_RULE)
def test_a_rule_over_features_mentions_no_event(rule: Rule) -> None:
    plan = plan_features(check_rule(rule, CATALOGUE).rule, CATALOGUE)
    nodes = list(walk(plan.rule))
    assert not [each for each in nodes if isinstance(each, Aggregate | Sequence)]
    assert {each.form for each in nodes if isinstance(each, Feature)} == {each.text for each in plan.features}
