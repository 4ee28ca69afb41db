"""The tree that Explain shows: every node, what decided it, and what would turn it round."""

import datetime as dt

import pytest
from rules.check import check_rule
from rules.evaluate.person import MAX_EVIDENCE, Event, Explanation, Person, explain, is_true
from rules.evaluate.setting import Setting
from rules.testing import retailer
from rules.tree import Aggregate, And, Compare, Number, TagRef
from rules.values import SCALE

CATALOGUE = retailer()
NOON = dt.datetime(2026, 4, 28, 4, tzinfo=dt.UTC)
SETTING = Setting(CATALOGUE, NOON)


def order(days_ago: int, seq: int = 0, amount: int = SCALE) -> Event:
    return Event("order_paid", NOON - dt.timedelta(days=days_ago), seq, {"amount": amount})


def explained(rule: str, person: Person) -> Explanation:
    return explain(check_rule(rule, CATALOGUE).rule, person, SETTING)


def test_every_node_has_its_value_and_aggregates_their_events() -> None:
    person = Person({"points": 7 * SCALE}, tuple(order(20 - each, each) for each in range(15)))
    found = explained("points > 5 AND COUNT(order_paid) IN LAST 30 DAYS >= 20", person)
    assert isinstance(found.node, And)
    assert not found.truth
    points, count = found.parts
    assert (points.truth, count.truth) == (True, False)
    assert [type(each.node) for each in points.parts] == [TagRef, Number]
    assert [each.value for each in points.parts] == [7 * SCALE, 5 * SCALE]
    aggregate = count.parts[0]
    assert isinstance(aggregate.node, Aggregate)
    assert aggregate.value == 15 * SCALE
    assert aggregate.evidence_total == 15
    assert [each.ingest_seq for each in aggregate.evidence] == list(range(14, 14 - MAX_EVIDENCE, -1))


def test_an_unknown_value_is_shown_as_unknown() -> None:
    found = explained("points < 5", Person())
    assert isinstance(found.node, Compare)
    assert not found.truth
    assert found.parts[0].value is None
    assert found.would_flip == ""


@pytest.mark.parametrize(
    ("rule", "flip"),
    [
        ("COUNT(order_paid) >= 3", "1 more order_paid"),
        ("COUNT(order_paid) IN LAST 30 DAYS >= 3", "1 more order_paid by 2026-05-07"),
        ("COUNT(order_paid) IN LAST 30 DAYS >= 2", "no further order_paid until 2026-05-08"),
        ("COUNT(order_paid) IN LAST 30 DAYS >= 1", "no further order_paid until 2026-05-18"),
        ("COUNT(order_paid) IN LAST 1 MONTH < 2", "no further order_paid until 2026-05-08"),
        ("SUM(order_paid.amount) > 14.33", "12.3401 more of order_paid"),
        ("DAYS(order_paid) > 3", "2 more days with order_paid"),
        ("DAYS SINCE(LAST(order_paid)) > 60", "2026-06-18 without another order_paid"),
        ("DAYS SINCE(LAST(order_paid)) > 5", "a new order_paid"),
        ("points >= 12.34", "5.34 more"),
        ("5 < points", "2 less"),
        ("points = 5", ""),
    ],
)
def test_what_would_flip(rule: str, flip: str) -> None:
    person = Person({"points": 7 * SCALE}, (order(20, 1, 9900), order(10, 2)))
    assert explained(rule, person).would_flip == flip


def test_the_flip_that_is_promised_happens() -> None:
    rule = check_rule("COUNT(order_paid) IN LAST 30 DAYS >= 3", CATALOGUE).rule
    person = Person(events=(order(20, 1), order(10, 2)))
    last_day, too_late = dt.timedelta(days=9), dt.timedelta(days=10)
    for wait, expected in ((last_day, True), (too_late, False)):
        later = Setting(CATALOGUE, NOON + wait)
        one_more = Person(events=(*person.events, Event("order_paid", NOON + wait, 3)))
        assert is_true(rule, one_more, later) is expected


def happened(type_: str, minutes_ago: int, seq: int, **properties: object) -> Event:
    return Event(type_, NOON - dt.timedelta(minutes=minutes_ago), seq, properties)


def test_a_sequence_shows_its_steps_or_how_far_it_came() -> None:
    viewed, seen = happened("view_item", 90, 1, item_id="a"), happened("view_item", 30, 2, item_id="b")
    added = happened("add_to_cart", 20, 3, item_id="b")
    rule = "SEQUENCE(view_item THEN add_to_cart THEN order_paid BY item_id WITHIN 1 HOURS)"
    part = explained(rule, Person(events=(viewed, seen, added)))
    assert (part.truth, part.evidence, part.parts) == (False, (added, seen), ())
    assert part.would_flip == "a new order_paid with the same item_id by 2026-04-28 12:30"
    paid = happened("order_paid", 10, 4, items=({"item_id": "b"},))
    whole = explained(rule, Person(events=(viewed, seen, added, paid)))
    assert (whole.truth, whole.evidence, whole.would_flip) == (True, (paid, added, seen), "")
    nothing = explained(rule, Person())
    assert (nothing.truth, nothing.evidence, nothing.would_flip) == (False, (), "")


@pytest.mark.parametrize(
    ("window", "flip"),
    [
        ("", "a new order_paid"),
        (" IN LAST 2 HOURS", "a new order_paid by 2026-04-28 12:29"),
        (" IN LAST 2 DAYS", "a new order_paid by 2026-04-29 23:59"),
        (" IN THIS MONTH", "a new order_paid by 2026-04-30 23:59"),
        (" IN BETWEEN 2026-04-28 AND 2026-04-28", ""),
    ],
)
def test_until_when_the_last_step_may_come(window: str, flip: str) -> None:
    person = Person(events=(happened("view_item", 90, 1),))
    assert explained(f"SEQUENCE(view_item THEN order_paid){window}", person).would_flip == flip
    assert explained(f"SEQUENCE(view_item THEN view_item THEN order_paid){window}", person).would_flip == ""


def test_a_sequence_whose_time_is_over_takes_no_last_step() -> None:
    person = Person(events=(happened("view_item", 90, 1),))
    assert explained("SEQUENCE(view_item THEN order_paid WITHIN 1 HOURS)", person).would_flip == ""
