"""Reading: what texts mean, and what is said about those that mean nothing."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules import tree as t
from rules.errors import Problem, RuleSyntaxError
from rules.limits import MAX_CHARACTERS
from rules.parser import parse, parse_form
from rules.printer import print_form, print_rule
from rules.tree import Rule


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("did order_paid in last 7 days", "COUNT(order_paid) IN LAST 7 DAYS >= 1"),
        ("DID(order_paid WHERE amount > 3)", "COUNT(order_paid WHERE amount > 3) >= 1"),
        ("is_vip", "is_vip = TRUE"),
        ("NOT (a = 1)", "NOT a = 1"),
        ("(a = 1 OR b = 2) AND c = 3", "(a = 1 OR b = 2) AND c = 3"),
        ("a = 1 OR b = 2 AND c = 3", "a = 1 OR b = 2 AND c = 3"),
        ("(a = 1 AND b = 2) AND c = 3", "(a = 1 AND b = 2) AND c = 3"),
        ("a - (b - c) > 0", "a - (b - c) > 0"),
        ("a - b - c > -1", "a - b - c > -1"),
        ("-a > 0", "0 - a > 0"),
        ("(a + b) * 2 >= 1.50", "(a + b) * 2 >= 1.5"),
        ("name = 'it''s'", "name = 'it''s'"),
        ("name = ' ＡＢＣ '", "name = 'ABC'"),
        ("t >= 2026-01-01T08:00:30+08:00", "t >= 2026-01-01T00:00:30Z"),
        ("COUNT(e) IN LAST 1 DAY = 0", "COUNT(e) IN LAST 1 DAY = 0"),
        ("COUNT(e) IN (1, -2)", "COUNT(e) IN (1, -2)"),
        ("COUNT(e) BETWEEN 1 AND 2 AND a = 1", "COUNT(e) BETWEEN 1 AND 2 AND a = 1"),
        ("NTH(2, e.amount WHERE x = 1) > 3", "NTH(2, e.amount WHERE x = 1) > 3"),
        ("STREAK(e BY WEEKS) > 3", "STREAK(e BY WEEK) > 3"),
        ("STREAK(e BY DAY) > 3", "STREAK(e) > 3"),
        ("COUNT(e) DURING '618-2026' > 0", "COUNT(e) DURING '618-2026' > 0"),
        (
            "segment 'a' union segment 'b' except segment 'c'",
            "(SEGMENT 'a' UNION SEGMENT 'b') EXCEPT SEGMENT 'c'",
        ),
        ("a = 1 LIMIT 10% BY b DESC SAMPLE 0.5% SEED 's'", "a = 1 LIMIT 10% BY b DESC SAMPLE 0.5% SEED 's'"),
    ],
)
def test_texts_and_how_they_are_printed(text: str, printed: str) -> None:
    assert print_rule(parse(text)) == printed
    assert parse(printed) == parse(text)


@pytest.mark.parametrize(
    "name", ["age", "last", "count", "days", "day", "source", "channel", "segment", "next", "net"]
)
def test_words_of_the_language_may_name_tags_where_no_keyword_fits(name: str) -> None:
    assert parse(f"{name} = 1 AND AGE({name}) > 2").body == t.And(
        (
            t.Compare(t.Comparison.EQ, t.TagRef(name), t.Number(10_000)),
            t.Compare(t.Comparison.GT, t.TimeFunction(t.Clock.AGE, t.TagRef(name)), t.Number(20_000)),
        )
    )


def test_spans_point_at_the_text_and_take_no_part_in_equality() -> None:
    text = "a = 1 AND  COUNT(order_paid) >= 3"
    body = parse(text).body
    assert isinstance(body, t.And)
    second = body.operands[1]
    assert text[second.span.start : second.span.end] == "COUNT(order_paid) >= 3"
    assert parse("COUNT(order_paid)>=3").body == second


def test_a_bare_name_is_a_value_as_a_form_and_a_condition_as_a_rule() -> None:
    assert parse_form("is_vip") == t.TagRef("is_vip")
    assert print_form(parse_form("SUM(e.amount) / COUNT(e)")) == "SUM(e.amount) / COUNT(e)"


def test_moments_keep_microseconds_and_zonelessness() -> None:
    assert parse_form("2026-01-01T08:00:00.000001") == t.Moment(
        dt.datetime.fromisoformat("2026-01-01T08:00:00.000001")
    )


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("", 1, 1, "ends too early", ""),
        ("a =", 1, 4, "expected '(' or a name, a value or an aggregate", ""),
        ("a = 1 AND\n  b == 2", 2, 6, "does not fit", "single ="),
        ('a = "x"', 1, 5, "does not fit", "single quotes"),
        ("a = 女", 1, 5, "does not fit", "'女'"),
        ("a ＝ 1", 1, 3, "does not fit", "plain sign ="),
        ("a = 'x", 1, 5, "does not fit", "no closing quote"),
        ("a <> 1", 1, 3, "does not fit", "!="),
        ("a NOT IN (1)", 1, 3, "does not fit", "NOT x IN"),
        ("COUNT(e) >= 1 IN LAST 3 DAYS", 1, 15, "does not fit", "behind its aggregate"),
        ("COUNT(e WHERE COUNT(f) > 1) > 2", 1, 20, "does not fit", "inside WHERE"),
        ("a = 1.23456", 1, 5, "four decimals", "round"),
        ("a = 99999999999999999999", 1, 5, "beyond", ""),
        (f"a = {'9' * 5_000}", 1, 5, "too many digits", ""),
        (f"COUNT(e) IN LAST {'9' * 5_000} DAYS >= 1", 1, 18, "at most 20 digits", ""),
        ("COUNT(e) IN LAST 1.5 DAYS > 1", 1, 18, "whole number", ""),
        ("a = 2026-02-30", 1, 5, "not a day", ""),
        ("a = 0001-01-01T00:00+08:00", 1, 5, "not a moment", ""),
        ("a.b = 1", 1, 1, "no dot", ""),
        ("(a = 1) + 2 > 3", 1, 2, "a value is needed", ""),
        ("COUNT(e)", 1, 1, "a condition is needed", "compare"),
        ("SEGMENT 'a' UNION b = 1", 1, 19, "combine segments", "SEGMENT 'name'"),
        ("a = 1 OR SEGMENT 'b'", 1, 10, "cannot be combined", "IN SEGMENT"),
        ("NOT " * 400 + "a", 1, 1, "deeper than 32", ""),
    ],
)
def test_what_is_no_rule_gets_a_place_and_a_reason(
    text: str, line: int, column: int, message: str, hint: str
) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    problem = caught.value.problem
    assert (problem.line, problem.column) == (line, column)
    assert message in problem.message
    assert hint in problem.hint


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("a > DATE '2011-12-01'", "a date is written without a word and quotes: 2011-12-01"),
        ("a > date('2011-12-01')", "a date is written without a word and quotes: 2011-12-01"),
        ("a > TIMESTAMP '2011-12-01 10:30'", "a date is written without a word and quotes: 2011-12-01T10:30"),
        ("a > DATE 'tomorrow'", "a date is written without a word and quotes: 2026-01-31"),
        ("a > 2011-12-01 10:30", "a date and its time are joined by T: 2011-12-01T10:30"),
        ("a 'x'", ""),
    ],
)
def test_a_date_of_another_dialect_is_told_how_to_be_written(text: str, hint: str) -> None:
    with pytest.raises(RuleSyntaxError) as caught:
        parse(text)
    assert caught.value.problem.hint == hint
    if written := hint.partition(": ")[2]:
        parse(f"a > {written}")


def test_the_length_of_a_rule_is_limited() -> None:
    text = "a = 1" + " " * (MAX_CHARACTERS - 5)
    assert parse(text) == parse("a = 1")
    with pytest.raises(RuleSyntaxError, match="10001 characters, the limit is 10000"):
        parse(text + " ")


def test_brackets_alone_make_no_rule_deep() -> None:
    assert parse("(" * 3000 + "a = 1" + ")" * 3000) == parse("a = 1")


@given(text=st.text(alphabet="abCOUNT()IN LAST39DAYS'=<>!.,-%女ANDORWHERE\n", max_size=60))
def test_any_text_is_a_rule_or_a_syntax_error_within_it(text: str) -> None:
    found: Rule | Problem
    try:
        found = parse(text)
    except RuleSyntaxError as error:
        found = error.problem
    if isinstance(found, Problem):
        assert 0 <= found.span.start <= len(text)
        assert 1 <= found.line <= text.count("\n") + 1
    else:
        assert parse(print_rule(found)) == found
