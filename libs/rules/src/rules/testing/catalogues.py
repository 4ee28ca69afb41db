"""A small retailer's catalogue that has one of everything a rule can mention."""

from rules.schema import Catalogue, EventType, Openness, PropertyType, ReferenceTable, TagType, ValueList
from rules.testing.words import TEXTS, periods
from rules.values import BOOL, DATE, DATETIME, NUMBER, RECORDS, TEXT, Kind, list_of

GENDERS = ValueList(frozenset({"female", "male"}))
CITIES = ValueList(frozenset(TEXTS), Openness.OPEN)
CATEGORIES = ValueList(
    frozenset({"美妆", "护肤", "面膜", "食品", "零食"}),
    parents={"护肤": "美妆", "面膜": "护肤", "零食": "食品"},
)


def retailer() -> Catalogue:
    """Tags of every type; orders with lines, refunds and cancellations that reverse them, views, carts."""
    return Catalogue.of(
        tags=_tags(),
        events=_events(),
        tables=[
            ReferenceTable(
                "items",
                (
                    PropertyType("brand", TEXT),
                    PropertyType("category", TEXT, CATEGORIES),
                    PropertyType("price", NUMBER),
                    PropertyType("on_sale", BOOL),
                    PropertyType("listed_on", DATE),
                ),
            ),
            ReferenceTable("stores", (PropertyType("city", TEXT, CITIES), PropertyType("area", NUMBER))),
        ],
        segments=["staff", "loyal"],
        periods=periods().names,
    )


def _tags() -> list[TagType]:
    return [
        TagType("gender", TEXT, GENDERS),
        TagType("city", TEXT, CITIES),
        TagType("nickname", TEXT),
        TagType("favourite", TEXT, CATEGORIES),
        TagType("interests", list_of(Kind.TEXT), CATEGORIES),
        TagType("lucky_numbers", list_of(Kind.NUMBER)),
        TagType("is_vip", BOOL),
        TagType("points", NUMBER),
        TagType("age", NUMBER),
        TagType("birthday", DATE),
        TagType("last_seen", DATETIME),
    ]


def _events() -> list[EventType]:
    item_id = PropertyType("item_id", TEXT, refers_to="items")
    category = PropertyType("category", TEXT, CATEGORIES)
    amount = PropertyType("amount", NUMBER)
    quantity = PropertyType("quantity", NUMBER)
    items = PropertyType(
        "items", RECORDS, fields=(item_id, category, PropertyType("brand", TEXT), quantity, amount)
    )
    order = PropertyType("order_id", TEXT)
    return [
        EventType(
            "order_paid",
            (order, amount, PropertyType("discount", NUMBER), PropertyType("coupon_id", TEXT), items),
            reversed_by=("order_refunded", "order_cancelled"),
        ),
        EventType("order_refunded", (order, amount, PropertyType("reason", TEXT))),
        EventType("order_cancelled", (order, amount)),
        EventType("view_item", (item_id, category, PropertyType("price", NUMBER))),
        EventType("add_to_cart", (item_id, category, quantity, amount)),
        EventType(
            "survey_answered",
            (
                PropertyType("answers", list_of(Kind.TEXT)),
                PropertyType("due", DATE),
                PropertyType("opened_at", DATETIME),
                PropertyType("anonymous", BOOL),
            ),
        ),
    ]
