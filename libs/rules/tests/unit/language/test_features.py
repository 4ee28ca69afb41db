"""Which columns a rule asks tagging for, and what is left of the rule over them."""

import pytest
from rules.check import check_rule
from rules.features import plan_features
from rules.printer import print_rule
from rules.testing import retailer
from rules.values import BOOL, DATETIME, NUMBER, TEXT, ValueType

CATALOGUE = retailer()


def plan(text: str) -> tuple[dict[str, ValueType], str]:
    found = plan_features(check_rule(text, CATALOGUE).rule, CATALOGUE)
    return {each.text: each.type for each in found.features}, print_rule(found.rule)


@pytest.mark.parametrize(
    ("text", "features", "rewritten"),
    [
        ("is_vip AND points > 3", {}, "is_vip = TRUE AND points > 3"),
        (
            "COUNT(order_paid) IN LAST 7 DAYS >= 3 AND NOT COUNT(order_paid) IN LAST 1 WEEK >= 10",
            {"COUNT(order_paid) IN LAST 7 DAYS": NUMBER},
            "FEATURE 'COUNT(order_paid) IN LAST 7 DAYS' >= 3 AND NOT FEATURE 'COUNT(order_paid) IN LAST 7 DAYS' >= 10",
        ),
        (
            "DAYS SINCE(LAST(order_paid)) > 60",
            {"LAST(order_paid)": DATETIME},
            "DAYS SINCE(FEATURE 'LAST(order_paid)') >= 61",
        ),
        (
            "LAST(order_paid.channel) = 'app'",
            {"LAST(order_paid.channel)": TEXT},
            "FEATURE 'LAST(order_paid.channel)' = 'app'",
        ),
        (
            "COUNT(view_item) IN PAST 7 DAYS > COUNT(view_item) IN PREVIOUS 7 DAYS",
            {"COUNT(view_item) IN PAST 7 DAYS > COUNT(view_item) IN PREVIOUS 7 DAYS BEFORE PAST": BOOL},
            "FEATURE 'COUNT(view_item) IN PAST 7 DAYS > COUNT(view_item) IN PREVIOUS 7 DAYS BEFORE PAST' = TRUE",
        ),
        (
            "SEQUENCE(view_item THEN add_to_cart)",
            {"SEQUENCE(view_item THEN add_to_cart)": BOOL},
            "FEATURE 'SEQUENCE(view_item THEN add_to_cart)' = TRUE",
        ),
        (
            "0.5 * SUM(order_paid.amount) > points",
            {"SUM(order_paid.amount)": NUMBER},
            "0.5 * FEATURE 'SUM(order_paid.amount)' > points",
        ),
        (
            "COUNT(view_item) + COUNT(order_paid) > points",
            {"COUNT(order_paid)": NUMBER, "COUNT(view_item)": NUMBER},
            "FEATURE 'COUNT(order_paid)' + FEATURE 'COUNT(view_item)' > points",
        ),
        (
            "COUNT(order_paid) BETWEEN 2 AND 5",
            {"COUNT(order_paid)": NUMBER},
            "FEATURE 'COUNT(order_paid)' <= 5 AND FEATURE 'COUNT(order_paid)' >= 2",
        ),
        ("SEGMENT 'staff' UNION SEGMENT 'loyal'", {}, "SEGMENT 'loyal' UNION SEGMENT 'staff'"),
    ],
)
def test_features_and_the_rule_over_them(text: str, features: dict[str, ValueType], rewritten: str) -> None:
    assert plan(text) == (features, rewritten)


def test_a_form_may_be_longer_than_a_rule() -> None:
    betweens = " OR ".join(f"amount BETWEEN {each} AND {each + 1}" for each in range(300))
    features, _ = plan(f"DID(order_paid WHERE {betweens})")
    (form,) = features
    assert len(form) > 10_000
    assert plan_features(check_rule("is_vip", CATALOGUE).rule, CATALOGUE).features == ()
