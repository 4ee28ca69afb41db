"""What a sequence means, by examples worked out by hand."""

import datetime as dt

import pytest
from rules.check import check_rule
from rules.errors import NumberOverflow
from rules.evaluate.person import Event, Person, is_true
from rules.evaluate.row_history import RowHistory
from rules.evaluate.setting import Setting
from rules.testing import retailer

CATALOGUE = retailer()
NOON = dt.datetime(2026, 4, 28, 4, tzinfo=dt.UTC)
SETTING = Setting(CATALOGUE, NOON)
SHORT = {"v": "view_item", "c": "add_to_cart", "o": "order_paid", "r": "order_refunded"}
TABLES = {"items": {each: RowHistory.always({"brand": "X"}) for each in ("a", "b")}}


def happened(text: str) -> Person:
    """`v@5:a c@3:b`: a view of item a 5 minutes ago, then a cart of b; in the order in which they arrived."""
    events = []
    for place, each in enumerate(text.split()):
        kind, _, said = each.partition("@")
        minutes, _, items = said.partition(":")
        found: dict[str, object] = {}
        if kind == "o":
            found["items"] = tuple({"item_id": item} for item in items)
        elif items:
            found["item_id"] = items
        events.append(Event(SHORT[kind], NOON - dt.timedelta(minutes=float(minutes)), place, found))
    return Person(events=tuple(sorted(events, key=lambda event: (event.time, event.ingest_seq))))


@pytest.mark.parametrize(
    ("inside", "events", "expected"),
    [
        ("view_item THEN order_paid", "v@5 o@3", True),
        ("view_item THEN order_paid", "o@5 v@3", False),
        ("view_item THEN view_item", "v@5", False),  # no event is two steps
        ("view_item THEN view_item", "v@5 v@5", True),
        # of one moment the one that arrived first is first
        ("view_item THEN order_paid", "v@5 o@5", True),
        ("view_item THEN order_paid", "o@5 v@5", False),
        # others may lie between, also of the steps' own types
        ("view_item THEN order_paid", "v@5 c@4 v@4 o@3", True),
        ("view_item THEN add_to_cart THEN view_item THEN add_to_cart", "v@9 v@8 c@7 c@6 v@5 c@4", True),
        # WITHOUT looks strictly between its step and the one before
        ("view_item THEN order_paid WITHOUT add_to_cart", "v@5 c@4 o@3", False),
        ("view_item THEN order_paid WITHOUT add_to_cart", "c@6 v@5 o@3 c@2", True),
        ("view_item THEN order_paid WITHOUT add_to_cart", "v@6 c@5 v@4 o@3", True),
        ("view_item THEN order_paid WITHOUT add_to_cart", "v@5 c@5 o@5", False),
        ("view_item THEN order_paid WITHOUT add_to_cart", "c@5 v@5 o@5", True),
        ("view_item THEN view_item WITHOUT view_item", "v@5 v@4 v@3", True),
        ("view_item THEN order_paid WITHOUT order_paid", "v@5 o@4 o@3", True),
        ("view_item THEN add_to_cart THEN order_paid WITHOUT view_item", "v@5 v@4 c@4 o@3", True),
        ("view_item THEN order_paid WITHOUT add_to_cart WITHOUT order_refunded", "v@5 r@4 o@3", False),
        # WITHIN from the first step to the last, inclusive; an earlier first step does not spoil a later one
        ("view_item THEN order_paid WITHIN 2 MINUTES", "v@5 o@3", True),
        ("view_item THEN order_paid WITHIN 2 MINUTES", "v@5 o@2.9", False),
        ("view_item THEN order_paid WITHIN 2 MINUTES", "v@9 v@5 o@3", True),
        ("view_item THEN add_to_cart THEN order_paid WITHIN 2 MINUTES", "v@9 c@8 v@5 o@4 c@3 o@3", True),
        ("view_item THEN add_to_cart THEN order_paid WITHIN 2 MINUTES", "v@9 c@5 o@4", False),
        # BY: one key for every step and every WITHOUT
        ("view_item THEN add_to_cart BY item_id", "v@5:a c@4:b", False),
        ("view_item THEN add_to_cart BY item_id", "v@5:a v@5:b c@4:b", True),
        ("view_item THEN add_to_cart BY item_id", "v@5 c@4", False),  # without a value none is the same
        ("view_item THEN order_paid BY item_id", "v@5:a o@4:ba", True),
        ("view_item THEN order_paid BY item_id", "v@5:a o@4:bb", False),
        ("order_paid THEN order_paid THEN order_paid BY item_id", "o@5:ab o@4:bc o@3:ca", False),
        ("view_item THEN order_paid WITHOUT add_to_cart BY item_id", "v@5:a c@4:b o@3:a", True),
        ("view_item THEN order_paid WITHOUT add_to_cart BY item_id", "v@5:a v@5:b c@4:a o@3:ab", True),
        ("view_item THEN order_paid WITHOUT add_to_cart BY item_id", "v@5:a c@4:a o@3:a", False),
        ("view_item THEN add_to_cart BY item_id.brand", "v@5:a c@4:b", True),
        ("view_item THEN order_paid BY item_id.brand", "v@5:a o@4:cb", True),
        ("view_item THEN order_paid BY item_id.brand", "v@5:a o@4:c", False),
        ("view_item THEN add_to_cart BY weekday", "v@5:a c@4:b", True),
        ("order_paid THEN order_paid BY item_id.brand, item_id", "o@5:ac o@4:ca", True),
    ],
)
def test_sequences(inside: str, events: str, expected: bool) -> None:
    rule = check_rule(f"SEQUENCE({inside})", CATALOGUE).rule
    assert is_true(rule, happened(events), SETTING, TABLES) is expected


@pytest.mark.parametrize(
    ("events", "expected"),
    [("v@61 o@3", False), ("v@61 v@59 o@3", True), ("v@60 o@3", False), ("v@5 o@-1", False)],
)
def test_every_step_lies_in_the_window(events: str, expected: bool) -> None:
    rule = check_rule("SEQUENCE(view_item THEN order_paid) IN LAST 60 MINUTES", CATALOGUE).rule
    assert is_true(rule, happened(events), SETTING) is expected


def test_a_condition_that_overflows_does_whether_or_not_its_step_matters() -> None:
    rule = check_rule("SEQUENCE(view_item THEN view_item WHERE price * price > 0)", CATALOGUE).rule
    huge = Event("view_item", NOON, 1, {"price": 2**62})
    with pytest.raises(NumberOverflow):
        is_true(rule, Person(events=(huge,)), SETTING)
