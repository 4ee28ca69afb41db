"""The event dictionary: what it declares, what obeys it, what it refuses to be."""

import datetime as dt
from typing import Any

import pytest
from rules.values import Kind
from tagging.domain.dictionary import DictionaryFault, parse_dictionary
from tagging.store.dictionary_file import standard_dictionary

MOMENT = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)
STANDARD = {
    "order_paid": "order_id amount discount coupon_id items",
    "order_refunded": "order_id amount reason",
    "order_cancelled": "order_id amount",
    "view_item": "item_id category brand price",
    "add_to_cart": "item_id category brand quantity amount",
    "page_view": "page platform utm_source utm_campaign creative",
    "search": "keyword",
    "like": "item_id content_id",
    "share": "item_id content_id",
    "comment": "item_id content_id",
    "member_joined": "level",
    "level_changed": "from_level to_level valid_until",
    "points_changed": "delta balance reason expires_on",
    "growth_changed": "delta balance reason",
    "booking_made": "booking_id project",
    "booking_cancelled": "booking_id project reason",
    "booking_missed": "booking_id project",
    "visit_completed": "booking_id project",
    "survey_answered": "survey_id question answer",
    "invite_sent": "invite_code",
    "invite_accepted": "invite_code inviter_member_id",
    "invitee_joined": "invite_code",
    "share_opened": "item_id content_id",
    "group_joined": "group_id",
    "group_left": "group_id",
    "coupon_received": "coupon_id amount",
    "coupon_used": "coupon_id amount",
    "message_delivered": "campaign_id delivery_id reason",
    "message_failed": "campaign_id delivery_id reason",
    "message_clicked": "campaign_id delivery_id reason",
    "message_replied": "campaign_id delivery_id reason",
    "message_unsubscribed": "campaign_id delivery_id reason",
    "sample_received": "item_id category brand",
    "skin_tested": "skin_type concern score",
    "consultation_held": "project staff_id amount",
    "treatment_done": "project staff_id amount category",
    "checkup_completed": "package amount",
    "checkup_result": "indicator reading unit abnormal",
    "health_measured": "indicator reading unit abnormal",
    "assessment_completed": "survey_id score risk_level",
    "exercise_done": "activity minutes distance_km",
    "product_viewed": "product_id product_type risk_level",
    "product_bought": "product_id product_type risk_level amount term_days",
    "product_redeemed": "product_id product_type amount",
    "risk_assessed": "risk_level score valid_until",
    "risk_rated": "risk_level trigger",
    "repayment_missed": "product_id amount",
}


def test_the_standard_dictionary_declares_every_event_with_its_properties() -> None:
    dictionary = standard_dictionary()
    declared = {name: {each.name for each in event.properties} for name, event in dictionary.events.items()}
    assert declared == {name: set(properties.split()) for name, properties in STANDARD.items()}
    assert all(text.zh and text.en for text in dictionary.event_texts.values())
    assert dictionary.events["order_paid"].reversed_by == ("order_refunded", "order_cancelled")
    items = dictionary.events["order_paid"].property("items")
    assert items is not None
    assert [each.name for each in items.fields] == ["amount", "brand", "category", "item_id", "quantity"]


def test_every_property_is_one_column() -> None:
    dictionary = standard_dictionary()
    columns = {each.name: each for each in dictionary.columns()}
    for event in dictionary.events.values():
        for each in event.properties:
            assert columns[each.name] == each
    assert {"channel", "store_id"} <= columns.keys()
    assert columns.keys().isdisjoint({"source", "time", "hour", "weekday", "is_workday"})


@pytest.mark.parametrize(
    ("said", "declared", "extra"),
    [
        (
            {"amount": 5, "order_id": "o", "store_id": "s"},
            {"amount": 5, "order_id": "o", "store_id": "s"},
            {},
        ),
        ({"amount": True, "order_id": 7}, {}, {"amount": True, "order_id": 7}),
        (
            {"source": "x", "hour": 3, "time": MOMENT, "page": "p"},
            {},
            {"source": "x", "hour": 3, "time": MOMENT, "page": "p"},
        ),
        (
            {"items": ({"item_id": "a", "size": "L"}, {"quantity": 1})},
            {"items": ({"item_id": "a"}, {"quantity": 1})},
            {"items": ({"size": "L"}, {})},
        ),
        ({"items": ({"item_id": 3},)}, {"items": ({},)}, {"items": ({"item_id": 3},)}),
        ({"items": ("a", "b")}, {}, {"items": ("a", "b")}),
    ],
)
def test_what_obeys_is_declared_and_everything_else_is_kept(
    said: dict[str, Any], declared: dict[str, Any], extra: dict[str, Any]
) -> None:
    assert standard_dictionary().conform("order_paid", said) == (declared, extra)


def test_an_unknown_type_declares_only_what_every_event_carries() -> None:
    assert standard_dictionary().conform("dance", {"channel": "c", "amount": 1}) == (
        {"channel": "c"},
        {"amount": 1},
    )


def test_types_of_values_are_told_apart() -> None:
    kinds = {
        "day": "date",
        "at": "datetime",
        "names": "list of text",
        "counts": "list of number",
        "yes": "bool",
    }
    dictionary = parse_dictionary(
        {
            "properties": {name: {"zh": "名", "en": "Name", "type": word} for name, word in kinds.items()},
            "event_types": {"e": {"zh": "事", "en": "Event", "properties": list(kinds)}},
            "reference_tables": {},
        }
    )
    good = {"day": MOMENT.date(), "at": MOMENT, "names": ("a",), "counts": (1, 2), "yes": False}
    assert dictionary.conform("e", good) == (good, {})
    bad = {"day": MOMENT, "at": MOMENT.date(), "names": (1,), "counts": ("a",), "yes": 0}
    assert dictionary.conform("e", bad) == ({}, bad)
    assert {each.type.kind for each in dictionary.columns() if each.name in kinds} >= {Kind.LIST, Kind.BOOL}


@pytest.mark.parametrize(
    ("part", "entry", "told"),
    [
        ("properties", {"x": {"zh": "", "en": "", "type": "float"}}, "type 'float'"),
        ("properties", {"x": {"zh": "", "en": "", "type": "text", "refers_to": "shops"}}, "'shops'"),
        (
            "properties",
            {"x": {"zh": "", "en": "", "type": "records", "fields": ["y"]}},
            "not declared before: y",
        ),
        ("event_types", {"e": {"zh": "", "en": "", "properties": ["z"]}}, "not declared: z"),
        (
            "event_types",
            {"e": {"zh": "", "en": "", "properties": [], "reversed_by": ["f"]}},
            "reversed by 'f'",
        ),
        ("reference_tables", {"t": {"c": "money"}}, "t.c has type 'money'"),
    ],
)
def test_a_dictionary_that_contradicts_itself_is_refused(part: str, entry: dict[str, Any], told: str) -> None:
    document: dict[str, Any] = {"properties": {}, "event_types": {}, "reference_tables": {}}
    with pytest.raises(DictionaryFault, match=told):
        parse_dictionary(document | {part: entry})
