"""Persons in words: golden persons, and what phrases promise."""

import datetime as dt
from typing import Any

import pytest
from rules.windows import CalendarSettings
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.catalogue.phrase_files import parse_phrases, standard_phrases
from tagging.domain.portrait_description import MAX_PARTS, KnownTag, Language, Speaker, describe
from tagging.domain.portrait_phrases import PhraseInvalid, TagPhrases, check_phrases

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
CALENDAR = CalendarSettings("Asia/Shanghai", 1)
FAVOURITE = parse_definitions(
    "- {tag_id: favourite_category, name: {zh: 偏好品类, en: Favourite category}, type: text, statistic: x}",
    "test",
)[0]
DEFINITIONS = {each.tag_id: each for each in (*pack_definitions(RETAIL), FAVOURITE)}
GOLDEN: list[tuple[dict[str, Any], str, str]] = [
    (
        {
            "age_band": "25-34",
            "city": "上海",
            "favourite_category": "护肤",
            "order_count_90d": 30_000,
            "last_order_date": dt.date(2026, 3, 7),
            "rfm_class": "key_keep",
        },
        "25-34岁，上海，每月购买护肤，3天前下单，值得重点保持",
        "25-34, 上海, buys 护肤 monthly, last order 3 days ago, worth keeping",
    ),
    (
        {"gender": "female", "member_level": "gold", "order_count_90d": 0, "lifecycle_stage": "dormant"},
        "女，金卡会员，近三个月没有购买，沉睡",
        "female, Gold member, no order in three months, dormant",
    ),
    (
        {
            "favourite_category": "母婴",
            "cart_abandoner": True,
            "discount_share": 3_500,
            "last_order_date": dt.date(2026, 3, 10),
            "unsubscribed": True,
        },
        "爱买母婴，加购未买，喜欢优惠，今天下单，退订过消息",
        "likes to buy 母婴, left goods in the cart, buys with discounts, last order today, "
        "has unsubscribed from messages",
    ),
    ({"cart_abandoner": False, "discount_share": 2_999, "unsubscribed": False}, "", ""),
    ({"rfm_class": "general_keep"}, "一般保持客户", "General keep customer"),
]


def known_tags(values: dict[str, Any]) -> dict[str, KnownTag]:
    return {tag_id: KnownTag(DEFINITIONS[tag_id], value, NOW) for tag_id, value in values.items()}


def speaker(language: Language, now: dt.datetime = NOW) -> Speaker:
    return Speaker(language, CALENDAR.day_of(now), CALENDAR)


def said(values: dict[str, Any], language: Language, now: dt.datetime = NOW) -> Any:
    phrases = standard_phrases()
    return describe(known_tags(values), list(phrases), phrases, speaker(language, now))


@pytest.mark.parametrize(("values", "zh", "en"), GOLDEN)
def test_golden_persons(values: dict[str, Any], zh: str, en: str) -> None:
    assert said(values, Language.ZH).text == zh
    assert said(values, Language.EN).text == en


def test_the_order_of_what_is_known_does_not_matter() -> None:
    values = GOLDEN[0][0]
    backwards = dict(reversed(list(values.items())))
    assert said(backwards, Language.EN) == said(values, Language.EN)


def test_every_part_has_its_tags_and_its_reasons() -> None:
    parts = {each.tag_ids[0]: each for each in said(GOLDEN[0][0], Language.EN).parts}
    assert parts["favourite_category"].tag_ids == ("favourite_category", "order_count_90d")
    assert "order_count_90d" not in parts  # said already
    assert parts["favourite_category"].reason == (
        "Favourite category: 护肤 (x, as of 2026-03-10); "
        "Orders in 90 days: 3 (Paid orders of today and the 89 days before; refunds and cancellations are not "
        "subtracted, as of 2026-03-10)"
    )
    assert parts["city"].reason == "City: 上海 (The city that sources state, as of 2026-03-10)"
    zh = {each.tag_ids[0]: each for each in said(GOLDEN[0][0], Language.ZH).parts}
    assert zh["city"].reason == "常住城市：上海（取来源系统登记的城市，截至 2026-03-10）"
    assert "今天减出生日期的周岁" in zh["age_band"].reason


@pytest.mark.parametrize(
    ("day", "zh", "en"),
    [
        (dt.date(2026, 3, 9), "昨天下单", "last order yesterday"),
        (dt.date(2026, 3, 11), "明天下单", "last order tomorrow"),
        (dt.date(2026, 3, 15), "5天后下单", "last order in 5 days"),
        (dt.date(2025, 3, 10), "365天前下单", "last order 365 days ago"),
    ],
)
def test_how_long_ago(day: dt.date, zh: str, en: str) -> None:
    assert said({"last_order_date": day}, Language.ZH).text == zh
    assert said({"last_order_date": day}, Language.EN).text == en


def test_days_are_the_tenants() -> None:
    """A quarter past midnight in Shanghai is a day later than in London."""
    late = dt.datetime(2026, 3, 9, 16, 15, tzinfo=dt.UTC)
    assert said({"last_order_date": dt.date(2026, 3, 9)}, Language.EN, late).text == "last order yesterday"


def test_a_tag_without_a_phrase_is_said_as_name_and_value() -> None:
    values = {"order_amount_30d": 1_234_500, "first_order_time": NOW, "unsubscribed": True}
    told = describe(known_tags(values), list(values), {}, speaker(Language.EN))
    assert told.text == "Spend in 30 days: 123.45, First order: 2026-03-10, Has unsubscribed: yes"
    told = describe(known_tags(values), list(values), {}, speaker(Language.ZH))
    assert told.text.startswith("近30天消费金额：123.45，首次购买时间：2026-03-10，")


def test_what_a_later_part_says_is_not_said_before() -> None:
    values = {"order_count_90d": 30_000, "favourite_category": "护肤"}
    told = describe(known_tags(values), list(values), standard_phrases(), speaker(Language.EN))
    assert told.text == "buys 护肤 monthly"


def test_a_list_says_three_of_its_values() -> None:
    known = {"favourite_category": KnownTag(FAVOURITE, ("a", "b", "c", "d"), NOW)}
    told = describe(known, list(known), {}, speaker(Language.EN))
    assert told.text == "Favourite category: a and b and c"


def test_a_description_is_bounded() -> None:
    names = [f"t{number}" for number in range(40)]
    definitions = parse_definitions(
        "\n".join(f"- {{tag_id: {each}, name: {each}, type: number, statistic: x}}" for each in names), "test"
    )
    known = {each.tag_id: KnownTag(each, 10_000, NOW) for each in definitions}
    assert len(describe(known, names, {}, speaker(Language.EN)).parts) == MAX_PARTS


BAD = [
    "- {tag_id: t, phrases: []}",
    "- {tag_id: t, phrases: [{zh: 好}]}",
    "- {tag_id: t, phrases: [{zh: 好, en: good, word: {zh: '{other}', en: x}}]}",
    "- {tag_id: t, phrases: [{at_least: many, zh: 好, en: good}]}",
    "- {tag_id: t, phrases: [{at_least: 1, below: 2026-01-01, zh: 好, en: good}]}",
    "- {tag_id: t, phrases: [{zh: 好, en: " + "x" * 201 + "}]}",
    "- {tag_id: t, phrases: [{zh: 好, en: good, when: never}]}",
]


@pytest.mark.parametrize("text", BAD)
def test_bad_phrases_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match="test"):
        parse_phrases(text, "test")


def test_the_suites_phrases_are_of_both_languages() -> None:
    for phrases in standard_phrases().values():
        check_phrases(phrases)
    with pytest.raises(PhraseInvalid):
        check_phrases(TagPhrases("t", ()))
