"""The check: what it refuses, what it suggests, what it rewrites."""

from dataclasses import replace

import pytest
from rules import tree as t
from rules.check import Context, check_form, check_rule, type_of
from rules.errors import RuleCheckError
from rules.parser import parse, parse_form
from rules.printer import print_form, print_rule
from rules.schema import Scope
from rules.testing import retailer
from rules.values import BOOL, DATETIME, NUMBER, TEXT

CATALOGUE = retailer()


@pytest.mark.parametrize(
    ("text", "checked"),
    [
        ("birthday >= '2000-01-01'", "birthday >= 2000-01-01"),
        ("last_seen >= '2026-01-01T08:00'", "last_seen >= 2026-01-01T08:00"),
        ("LAST(order_paid) >= 2026-01-01", "DAY(LAST(order_paid)) >= 2026-01-01"),
        ("birthday < last_seen", "birthday < DAY(last_seen)"),
        ("last_seen BETWEEN 2026-01-01 AND 2026-01-02", "DAY(last_seen) BETWEEN 2026-01-01 AND 2026-01-02"),
        ("last_seen IN (2026-01-01)", "DAY(last_seen) IN (2026-01-01)"),
        (
            "COUNT(view_item) IN PAST 7 DAYS > 2 * COUNT(view_item) IN PREVIOUS 7 DAYS",
            "COUNT(view_item) IN PAST 7 DAYS > 2 * COUNT(view_item) IN PREVIOUS 7 DAYS BEFORE PAST",
        ),
        ("SUM(order_paid.items.amount WHERE category = '面膜' AND channel = 'app') > 1", None),
        ("COUNT(view_item WHERE item_id.brand = 'X' AND store_id.city = '上海') > 1", None),
        ("COUNT(order_paid WHERE ANY(items, item_id.price > 3)) > 1", None),
        ("DISTINCT(order_paid.items.item_id.brand) > 1", None),
        ("SUM(order_paid.amount NET WHERE channel = 'shop') > 1", None),
        ("FIRST(survey_answered.due) < 2026-01-01", None),
        ("interests HAS ALL ('面膜', '零食') AND interests UNDER '美妆'", None),
        ("SEQUENCE(view_item THEN order_paid BY item_id WITHIN 2 DAYS) IN LAST 7 DAYS", None),
        ("nickname ANNIVERSARY WITHIN NEXT 3 DAYS", None),
        ("(SEGMENT 'staff' UNION SEGMENT 'loyal') LIMIT 10% BY points DESC SAMPLE 5% SEED 's'", None),
    ],
)
def test_what_is_right_passes_with_days_moments_and_previous_made_explicit(
    text: str, checked: str | None
) -> None:
    rule = check_rule(text, CATALOGUE)
    assert rule.rule == parse(checked or text)
    assert rule.warnings == ()


@pytest.mark.parametrize(
    ("text", "column", "message", "hint"),
    [
        ("gendr = 'male'", 1, "no tag 'gendr'", "'gender'"),
        ("gender = 'femal'", 10, "not a value of this list", "'female'"),
        ("gender IN ('male', 'x')", 20, "not a value of this list", "female, male"),
        ("points = 'x'", 10, "a number is needed", "without quotes"),
        ("nickname = 3", 12, "a text is needed", "single quotes"),
        ("points", 1, "a condition is needed here, not a number", "compare it with a value"),
        ("points = TRUE", 10, "a number is needed here, not a bool", "write the number without quotes"),
        ("points = nickname", 10, "a number cannot be compared with a text", ""),
        ("is_vip > FALSE", 1, "does not order", "use ="),
        ("interests = '面膜'", 1, "compared as a whole", "HAS"),
        ("gender HAS ANY ('male')", 1, "HAS asks about a list", "IN"),
        ("gender UNDER 'male'", 1, "form a tree", ""),
        ("favourite UNDER '护夫'", 1, "not in this tree", "'护肤'"),
        ("points CONTAINS 'a'", 1, "asks about a text", ""),
        ("nickname MATCHES 'a\\d'", 1, "differs between engines (at 2)", "[0-9]"),
        ("nickname CONTAINS ''", 1, "not empty", ""),
        ("birthday = 'soon'", 12, "is not a day", ""),
        ("birthday = 1700-01-01", 12, "outside 1800", ""),
        ("birthday = last_seen + 1", 12, "takes numbers", "DAYS SINCE"),
        ("birthday = 2026-01-01T10:00", 12, "a day cannot be compared with a moment", ""),
        ("DAYS SINCE(points) > 3", 12, "takes a date or datetime", ""),
        ("DAY(birthday) = 2026-01-01", 5, "DAY takes a datetime", ""),
        ("3 IS KNOWN", 1, "always known", ""),
        ("points ANNIVERSARY WITHIN NEXT 3 DAYS", 1, "takes a day", ""),
        ("birthday ANNIVERSARY WITHIN NEXT 400 DAYS", 1, "1 to 366", ""),
        ("DID order_payed", 1, "no event 'order_payed'", "'order_paid'"),
        ("SUM(order_paid.amont) > 1", 16, "no property 'amont'", "'amount'"),
        ("SUM(order_paid.items.amont) > 1", 16, "no property 'amont'", "'amount'"),
        ("SUM(order_paid) > 1", 1, "needs a property", ""),
        ("SUM(order_paid.order_id) > 1", 16, "SUM cannot read a text", ""),
        ("COUNT(order_paid.amount) > 1", 18, "event alone", "DISTINCT"),
        ("LAST(order_paid.items.amount) > 1", 17, "has many", "DISTINCT"),
        ("AVG(order_paid.amount NET) > 1", 1, "only SUM has NET", ""),
        ("SUM(view_item.price NET) > 1", 1, "nothing reverses", "leave NET out"),
        ("COUNT(order_paid WHERE items.amount > 3) > 0", 24, "value for each line", "ANY(items, amount"),
        ("COUNT(order_paid WHERE points > 3) > 0", 24, "no property 'points'", "it is a tag"),
        ("COUNT(view_item WHERE item_id.brnd = 'x') > 0", 23, "no property 'brnd'", "'brand'"),
        ("COUNT(order_paid WHERE ANY(item, amount > 2)) > 0", 24, "no list of records 'item'", "'items'"),
        ("COUNT(order_paid WHERE ANY(items, ANY(items, amount > 1))) > 0", 35, "WHERE of an event only", ""),
        ("NTH(0, order_paid) IS KNOWN", 1, "from 1", ""),
        ("STREAK(order_paid BY YEAR) > 1", 1, "in a row", ""),
        ("SEQUENCE(view_item) IN LAST 7 DAYS", 1, "2 to 10 steps", ""),
        ("SEQUENCE(view_item THEN view_item) IN PREVIOUS 7 DAYS", 36, "no LAST or PAST", "BEFORE PAST"),
        ("SEQUENCE(view_item THEN view_item BY hour, hour)", 44, "BY names 'hour' twice", "leave it out"),
        ("SEQUENCE(view_item THEN view_item BY hour, weekday, source, channel)", 61, "at most 3 properties", ""),
        ("SEQUENCE(view_item THEN survey_answered BY item_id)", 44, "no property 'item_id'", ""),
        ("SEQUENCE(view_item THEN view_item WITHIN 2 WEEKS)", 35, "MINUTES, HOURS or DAYS", ""),
        ("COUNT(order_paid) IN LAST 4 YEARS > 1", 19, "4 YEARS", "three years"),
        ("COUNT(order_paid) IN PAST 4 HOURS > 1", 19, "no whole ones", "LAST"),
        ("COUNT(order_paid) IN THIS DAY > 1", 19, "no calendar period", "LAST 1 DAY"),
        ("COUNT(order_paid) IN BETWEEN 2026-02-01 AND 2026-01-01 > 1", 19, "before it starts", ""),
        ("COUNT(order_paid) IN BETWEEN 2020-01-01 AND 2026-01-01 > 1", 19, "longer than three years", ""),
        ("COUNT(order_paid) IN PREVIOUS 7 DAYS > 1", 19, "no LAST or PAST", "BEFORE PAST"),
        ("LAST(order_paid) IN PREVIOUS 7 DAYS IS KNOWN", 18, "no LAST or PAST", "BEFORE PAST"),
        ("LAST(order_paid.channel) IN PREVIOUS 7 DAYS IN ('app')", 26, "no LAST or PAST", "BEFORE PAST"),
        ("LAST(order_paid.channel) IN PREVIOUS 7 DAYS STARTS 'a'", 26, "no LAST or PAST", "BEFORE PAST"),
        ("LAST(order_paid) IN PREVIOUS 7 DAYS ANNIVERSARY WITHIN NEXT 7 DAYS", 18, "no LAST or PAST", "BEFORE PAST"),
        ("COUNT(order_paid) DURING 'fist-quarter' > 1", 19, "no period 'fist-quarter'", "'first-quarter'"),
        ("IN SEGMENT 'stuff'", 1, "no segment 'stuff'", "'staff'"),
        ("is_vip LIMIT 5 BY gender", 19, "LIMIT orders by", ""),
        ("is_vip SAMPLE 101% SEED 's'", 8, "at most 100 percent", ""),
        ("is_vip SAMPLE 1% SEED 's' SAMPLE 1% SEED 's'", 27, "at most once", ""),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_with_its_place(text: str, column: int, message: str, hint: str) -> None:
    with pytest.raises(RuleCheckError) as caught:
        check_rule(text, CATALOGUE)
    problems = caught.value.problems
    assert message in problems[0].message
    assert hint in problems[0].hint
    assert (problems[0].line, problems[0].column) == (1, column)


def test_all_problems_are_reported_together_in_the_order_of_the_text() -> None:
    text = "gendr = 'x'\n AND points = 'y'\n AND COUNT(order_paid WHERE amont > 1) > 0"
    with pytest.raises(RuleCheckError) as caught:
        check_rule(text, CATALOGUE)
    assert [(each.line, each.column) for each in caught.value.problems] == [(1, 1), (2, 15), (3, 29)]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("IN SEGMENT 'staff'", "IN SEGMENT cannot stand in a tag's definition"),
        ("SEGMENT 'staff'", "SEGMENT cannot stand in a tag's definition"),
        ("is_vip LIMIT 3 BY points", "LIMIT cannot stand in a tag's definition"),
        ("is_vip SAMPLE 3% SEED 'a'", "SAMPLE cannot stand in a tag's definition"),
    ],
)
def test_a_tag_may_not_look_at_segments(text: str, message: str) -> None:
    check_rule(text, CATALOGUE)
    with pytest.raises(RuleCheckError, match=message):
        check_rule(text, CATALOGUE, context=Context.TAG)


def test_an_open_list_grows_with_a_warning() -> None:
    warnings = check_rule("city = '上海' OR city = '上海市'", CATALOGUE).warnings
    assert [str(each) for each in warnings] == [
        "line 1, column 23: '上海市' is not known to this list so far (did you mean '上海'?)"
    ]


def test_a_partial_day_compared_with_whole_ones_warns() -> None:
    partial = "COUNT(view_item) IN LAST 7 DAYS > COUNT(view_item) IN {} 7 DAYS"
    for other in ("PAST", "PREVIOUS"):
        (warning,) = check_rule(partial.format(other), CATALOGUE).warnings
        assert "part of today" in warning.message
    assert not check_rule(partial.format("LAST"), CATALOGUE).warnings


@pytest.mark.parametrize(("depth", "leaves"), [(32, 1), (2, 500)])
def test_the_largest_rule_passes_and_one_more_is_refused(depth: int, leaves: int) -> None:
    def text(depth: int, leaves: int) -> str:
        return "NOT " * (depth - 1 - (leaves > 1)) + "(" + " OR ".join(["is_vip"] * leaves) + ")"

    check_rule(text(depth, leaves), CATALOGUE)
    with pytest.raises(
        RuleCheckError, match=f"{depth + 1} levels deep, the limit is 32|501 leaves, the limit is 500"
    ):
        check_rule(text(depth + (leaves == 1), leaves + (leaves > 1)), CATALOGUE)


def test_a_tree_is_checked_against_its_own_text() -> None:
    rule = t.Rule(t.Compare(t.Comparison.EQ, t.TagRef("nope"), t.Number(0)))
    with pytest.raises(RuleCheckError, match="line 1, column 1: there is no tag 'nope'"):
        check_rule(rule, CATALOGUE)


def test_a_tree_deeper_than_the_language_is_refused_before_it_is_printed() -> None:
    body: t.Condition = t.Constant(True)
    for _ in range(5_000):
        body = t.Not(body)
    with pytest.raises(RuleCheckError, match="5001 levels deep, the limit is 32"):
        check_rule(t.Rule(body), CATALOGUE)


def test_what_a_rule_mentions_includes_what_net_subtracts() -> None:
    mentions = check_rule(
        "SUM(order_paid.amount NET) > 1 AND is_vip AND IN SEGMENT 'staff'", CATALOGUE
    ).mentions
    assert mentions.events == {"order_paid", "order_refunded", "order_cancelled"}
    assert (mentions.tags, mentions.segments) == ({"is_vip"}, {"staff"})


@pytest.mark.parametrize(
    ("text", "type_"),
    [
        ("SUM(order_paid.amount) / COUNT(order_paid)", NUMBER),
        ("LAST(order_paid)", DATETIME),
        ("FIRST(order_paid.channel)", TEXT),
        ("COUNT(order_paid) IN PAST 7 DAYS > COUNT(order_paid) IN PREVIOUS 7 DAYS", BOOL),
        ("city", TEXT),
    ],
)
def test_forms_have_a_type(text: str, type_: object) -> None:
    assert check_form(text, CATALOGUE).type == type_


def test_a_ratio_anchors_its_previous_window() -> None:
    text = "SUM(order_paid.amount) IN LAST 7 DAYS / SUM(order_paid.amount) IN PREVIOUS 7 DAYS"
    assert print_form(check_form(text, CATALOGUE).form).endswith("IN PREVIOUS 7 DAYS BEFORE LAST")


def test_a_line_hides_the_property_of_the_event_with_the_same_name() -> None:
    event = CATALOGUE.event("order_paid")
    assert event is not None
    assert type_of(t.Property(("quantity",)), CATALOGUE, Scope(event, "items")) == NUMBER
    assert type_of(t.Property(("channel",)), CATALOGUE, Scope(event, "items")) == TEXT


def test_a_checked_rule_prints() -> None:
    assert print_rule(check_rule("is_vip", CATALOGUE).rule) == "is_vip = TRUE"
    assert print_form(parse_form("is_vip")) == "is_vip"


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("COUNT(danced) > 1", "such events come in, but nobody declared the type"),
        ("COUNT(view_item WHERE mood = 'x') > 1", "it comes in, but nobody declared it"),
        ("MAX(view_item.mood) > 1", "it comes in, but nobody declared it"),
        ("COUNT(view_item WHERE moood = 'x') > 1", ""),
        ("COUNT(view_item WHERE pric = 1) > 1", "did you mean 'price'?"),
    ],
)
def test_what_comes_in_undeclared_is_told_as_such(text: str, hint: str) -> None:
    seen = replace(CATALOGUE, seen={"danced": {"mood"}, "view_item": {"mood"}})
    with pytest.raises(RuleCheckError) as refused:
        check_rule(text, seen)
    assert refused.value.problems[0].hint.startswith(hint)
    assert bool(refused.value.problems[0].hint) == bool(hint)
