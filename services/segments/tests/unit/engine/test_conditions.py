"""Programs find whom the evaluator over bitmaps finds."""

import pytest
from hypothesis import given
from pyroaring import BitMap
from rules.check import Population, check_rule
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate import bitmaps
from rules.evaluate.setting import Setting
from rules.features import plan_features
from rules.printer import print_rule
from rules.testing import AS_OF, retailer, rules
from rules.tree import Rule

CATALOGUE = retailer()
SETTING = Setting(CATALOGUE, AS_OF)
RULES = tuple(
    check_rule(each, CATALOGUE).rule
    for each in (
        "gender = 'female' AND city IN ('上海', '北京') AND NOT is_vip",
        "gender = 'female' OR city = 'a' OR points > 3 OR NOT birthday >= 2000-01-01",
        "NOT (points > 3 AND NOT (age < 5 OR is_vip)) AND (points > 3 OR IN SEGMENT 'loyal')",
        "interests HAS ALL ('美妆', '护肤') AND NOT interests HAS ANY ('食品')",
        "interests HAS NONE ('美妆') OR lucky_numbers HAS ANY (1, 2)",
        "favourite UNDER '美妆' AND interests UNDER '食品'",
        "DAYS SINCE(last_seen) <= 30 AND DAYS SINCE(birthday) > 7.5",
        "DAYS SINCE(last_seen) != 7 AND ELAPSED DAYS(last_seen) < 2",
        "AGE(birthday) >= 26 AND AGE(birthday) != 46 OR AGE(last_seen) = 0",
        "DAY(last_seen) = 2026-03-30 OR DAY(last_seen) > 2026-03-30",
        "birthday ANNIVERSARY WITHIN NEXT 7 DAYS OR points IS UNKNOWN",
        "nickname CONTAINS 'a' AND NOT city MATCHES '^[a-z]+$' OR nickname > 'ab'",
        "points BETWEEN -1 AND 5 AND points IN (1, 2, 3) AND points != 2",
        "points > age OR points + age > 4",
        "DAYS SINCE(last_seen) = DAYS SINCE(birthday) OR DAYS SINCE(last_seen) < points",
        "SEGMENT 'loyal' EXCEPT SEGMENT 'staff' UNION SEGMENT 'staff'",
    )
)


@pytest.fixture(scope="module")
def people(threads):
    from engine_people import People

    return People(CATALOGUE, threads)


def check(rule: Rule, people, population: Population) -> None:
    from segments.engine.answers import counts, members
    from segments.engine.computed import Computed
    from segments.engine.conditions import nothing_given, sets_of
    from segments.engine.program import program_of

    plan = plan_features(rule, CATALOGUE)
    people.types.update({each.text: each.type for each in plan.features})

    universe = people.universe(population)
    given_ = Computed(people, universe, SETTING, people.threads)
    try:
        sets = sets_of(plan.rule, people, SETTING, nothing_given if population is Population.ALL else given_)
    except UnsupportedNode:
        assert population is Population.ALL  # the oracle would take minutes for what has to be computed
        return
    program = program_of([sets, sets], universe)
    once, again = members(program, people.threads)
    expected = bitmaps.members(plan.rule, people.view(), SETTING, population)
    assert once.bitmap() ^ expected == BitMap(), print_rule(rule)
    assert again.bitmap() == expected
    assert counts(program, people.threads) == [len(expected)] * 2
    assert once.ids().tolist() == list(expected)


@pytest.mark.parametrize("population", list(Population), ids=lambda each: each.value)
@pytest.mark.parametrize("rule", RULES, ids=print_rule)
def test_they_find_the_same_people(people, rule, population):
    check(rule, people, population)


@given(rule=rules(CATALOGUE))
def test_they_find_the_same_people_by_any_rule(people, rule):
    checked = check_rule(print_rule(rule), CATALOGUE).rule
    for population in (Population.ALL, Population.KNOWN):
        try:
            check(checked, people, population)
        except NumberOverflow:
            return


def explained(people, text: str, population: Population = Population.ALL):
    from segments.engine.computed import Computed
    from segments.engine.explanation import Explanations

    universe = people.universe(population)
    given_ = Computed(people, universe, SETTING, people.threads)
    return Explanations(people, universe, SETTING, people.threads, given_), check_rule(
        text, CATALOGUE
    ).rule.body


def parts(step):
    yield step
    for each in step.steps:
        yield from parts(each)


def test_an_explanation_tells_the_size_of_every_part(people):
    text = "points > 3 AND (gender = 'female' OR NOT is_vip) AND nickname = 'nobody'"
    explanations, condition = explained(people, text)
    step = explanations.of(condition)
    assert step.persons == step.left == 0
    first, *others = step.steps
    assert first.text == "nickname = 'nobody'"  # nobody has it, so nothing else is looked at
    assert first.skipped_blocks == 0
    assert {each.skipped_blocks for other in others for each in parts(other)} == {explanations.blocks}
    assert {each.left for other in others for each in parts(other)} == {0}
    view = people.view()
    for each in parts(step):
        part = check_rule(each.text, CATALOGUE).rule
        assert each.persons == len(bitmaps.members(part, view, SETTING, Population.ALL))
        assert each.bytes >= 0
    assert {len(each.steps) for each in step.steps} == {0, 2}


def test_what_the_parts_leave_adds_up(people):
    explanations, condition = explained(people, "gender = 'female' AND NOT is_vip OR points > 3 OR is_vip")
    step = explanations.of(condition)
    assert (
        step.left == step.persons == sum(each.left for each in step.steps)
    )  # each adds whom none before had
    narrowed = next(each for each in step.steps if len(each.steps) == 2)
    assert narrowed.left == narrowed.steps[-1].left <= narrowed.steps[0].left


def test_an_explanation_names_what_is_answered_person_by_person(people):
    from segments.domain.plan import Evaluator, Origin

    explanations, condition = explained(people, "points > age AND IN SEGMENT 'loyal'", Population.KNOWN)
    by_text = {each.text: each for each in explanations.of(condition).steps}
    assert by_text["points > age"].evaluator is Evaluator.PERSON_BY_PERSON
    loyal = by_text["IN SEGMENT 'loyal'"]
    assert (loyal.evaluator, loyal.origin) == (Evaluator.BLOCK_ENGINE, Origin.SEGMENT)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("COUNT(order_paid) > 3 AND is_vip", "COUNT that is not a feature"),
        ("is_vip OR points + age > 4", "Compare of age and points"),
        ("birthday ANNIVERSARY WITHIN NEXT 7 DAYS", "Anniversary of birthday"),
        ("is_vip SAMPLE 5% SEED 'x'", "SAMPLE"),
    ],
)
def test_what_it_cannot_answer_alone_is_refused_by_name(people, text, what):
    from segments.engine.conditions import sets_of

    with pytest.raises(UnsupportedNode, match=what):
        sets_of(check_rule(text, CATALOGUE).rule, people, SETTING)
