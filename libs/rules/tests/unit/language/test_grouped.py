"""Aggregates with BY: how they read, what is refused, and what a decayed event counts."""

import datetime as dt
from fractions import Fraction

import pytest
from rules.check import check_grouped
from rules.errors import RuleCheckError, RuleSyntaxError
from rules.evaluate.person import Event, Person, groups_of
from rules.evaluate.setting import Setting
from rules.grouping import weights
from rules.parser import parse_grouped
from rules.printer import print_grouped
from rules.testing import retailer
from rules.values import NUMBER, TEXT
from rules.windows import CalendarSettings

CATALOGUE = retailer()
NOON = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)  # in Shanghai
SETTING = Setting(CATALOGUE, NOON, CalendarSettings("Asia/Shanghai"))


def order(days_ago, *lines, sequence=0, **properties):
    listed = tuple({"category": category, "amount": amount} for category, amount in lines)
    return Event("order_paid", NOON - dt.timedelta(days=days_ago), sequence, {"items": listed, **properties})


def groups(text, *events):
    found = groups_of(check_grouped(text, CATALOGUE).grouped, Person(events=events), SETTING)
    return [(each.key, each.number, each.events) for each in found]


@pytest.mark.parametrize(
    "text",
    [
        "COUNT(view_item BY category)",
        "COUNT(view_item WHERE hour >= 18 BY category DECAY 30 DAYS) IN LAST 90 DAYS",
        "SUM(order_paid.items.amount BY item_id.brand DECAY 1 DAY)",
        "DAYS(order_paid BY items.category) IN PREVIOUS 30 DAYS BEFORE PAST",
    ],
)
def test_what_is_printed_reads_back(text):
    assert print_grouped(parse_grouped(text)) == text


def test_the_type_of_the_keys():
    assert check_grouped("COUNT(view_item BY hour)", CATALOGUE).key == NUMBER
    assert check_grouped("COUNT(view_item BY item_id.brand)", CATALOGUE).key == TEXT


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("AVG(order_paid.amount BY channel)", "AVG has no BY"),
        ("SUM(order_paid BY channel)", "SUM needs a property"),
        ("COUNT(order_paid BY shape)", "no property 'shape'"),
        ("COUNT(ordered BY channel)", "there is no event 'ordered'"),
        ("SUM(order_paid.amount BY items.category)", "once for each line of 'items'"),
        ("COUNT(order_paid BY time)", "BY takes a text, number or bool, not a datetime"),
        ("COUNT(order_paid BY items)", "not a list of records"),
        ("COUNT(view_item BY category DECAY 0 DAYS)", "DECAY takes 1 to 366 days"),
        ("COUNT(view_item WHERE category = '茶' BY category)", "'茶'"),
    ],
)
def test_mistakes_are_refused_with_their_place(text, said):
    with pytest.raises(RuleCheckError, match="line 1, column") as caught:
        check_grouped(text, CATALOGUE)
    assert said in str(caught.value)


@pytest.mark.parametrize("text", ["COUNT(view_item)", "COUNT(view_item BY category) > 1", "view_item"])
def test_what_is_not_grouped_is_a_syntax_error(text):
    with pytest.raises(RuleSyntaxError):
        parse_grouped(text)


def test_an_event_counts_once_in_each_of_its_groups():
    once = order(0, ("护肤", 10_000), ("护肤", 20_000), ("食品", 30_000))
    assert groups("COUNT(order_paid BY items.category)", once) == [("护肤", 10_000, 1), ("食品", 10_000, 1)]
    assert groups("SUM(order_paid.items.amount BY category)", once) == [
        ("护肤", 30_000, 1),
        ("食品", 30_000, 1),
    ]


def test_events_without_the_key_are_in_no_group_and_where_reads_the_line():
    events = (order(1, (None, 5), ("护肤", 10_000)), order(0, ("护肤", 50_000), sequence=1))
    assert groups("COUNT(order_paid WHERE amount > 2 BY items.category)", *events) == [("护肤", 10_000, 1)]


def test_a_weight_halves_in_its_half_life_and_rounds_half_to_even():
    assert weights(1)[:4] == (10_000, 5_000, 2_500, 1_250)
    assert weights(1)[-4:] == (5, 2, 1, 1)  # 4.88, 2.44, 1.22, 0.61; 0.31 is nothing
    for age, weight in enumerate(weights(30)):
        # weight = 10^4 * 2^(-age/30), compared in whole powers: (w - 1/2)^30 <= 10^120 / 2^age <= (w + 1/2)^30
        exact = Fraction(10_000**30, 2**age)
        assert (weight - Fraction(1, 2)) ** 30 <= exact <= (weight + Fraction(1, 2)) ** 30


def test_decay_counts_the_tenants_whole_days():
    late = Event("view_item", dt.datetime(2026, 3, 9, 15, 59, tzinfo=dt.UTC), 0, {"category": "食品"})
    early = Event("view_item", dt.datetime(2026, 3, 9, 16, 1, tzinfo=dt.UTC), 1, {"category": "护肤"})
    found = groups("COUNT(view_item BY category DECAY 1 DAY)", late, early)
    assert found == [("护肤", 10_000, 1), ("食品", 5_000, 1)]


def test_a_decayed_sum_rounds_once():
    found = groups(
        "SUM(order_paid.items.amount BY category DECAY 1 DAY)",
        order(1, ("护肤", 1)),
        order(1, ("护肤", 2), sequence=1),
    )
    assert found == [("护肤", 2, 2)]  # 1.5 -> 2
