"""The referee, by examples worked out by hand."""

import datetime as dt
from dataclasses import replace
from zoneinfo import ZoneInfo

import pytest
from rules.calendars import Workdays, mainland_china
from rules.check import check_form, check_rule
from rules.errors import NumberOverflow, UnsupportedNode
from rules.evaluate.person import Event, Person, is_true, value_of
from rules.evaluate.row_history import RowHistory
from rules.evaluate.setting import Setting
from rules.testing import retailer
from rules.values import INT64_MAX, SCALE, scaled
from rules.windows import CalendarSettings

CATALOGUE = retailer()
NOON = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)  # 12:00 in Shanghai
SHANGHAI = Setting(CATALOGUE, NOON)
ITEMS = {"a": {"brand": "北京"}, "b": {"brand": "x y"}}
TABLES = {"items": {key: RowHistory.always(row) for key, row in ITEMS.items()}}


def order(seq: int, days_ago: int, amount: str | None, **properties: object) -> Event:
    known = {} if amount is None else {"amount": scaled(amount)}
    return Event("order_paid", NOON - dt.timedelta(days=days_ago), seq, {**known, **properties})


LINES = ({"item_id": "a", "category": "面膜", "quantity": 20_000, "amount": 10_000}, {"item_id": "b"})
BUYER = Person(
    tags={"city": "上海", "interests": ("面膜",), "birthday": dt.date(2000, 2, 29), "points": 5 * SCALE},
    events=(
        order(1, 40, "100", channel="shop"),
        order(2, 3, "20.5", items=LINES),
        order(3, 3, None, items=()),
        Event("order_refunded", NOON - dt.timedelta(days=2), 4, {"amount": 5 * SCALE, "reason": "a"}),
        Event("order_cancelled", NOON - dt.timedelta(days=1), 5, {"amount": 1}),
        order(6, -1, "999"),
    ),
    segments=frozenset({"loyal"}),
)


def value(text: str, person: Person = BUYER, setting: Setting = SHANGHAI) -> object:
    return value_of(check_form(text, CATALOGUE).form, person, setting, TABLES)


def truth(text: str, person: Person = BUYER, setting: Setting = SHANGHAI) -> bool:
    return is_true(check_rule(text, CATALOGUE).rule, person, setting, TABLES)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("COUNT(order_paid)", 3 * SCALE),
        ("COUNT(order_paid) IN LAST 4 DAYS", 2 * SCALE),
        ("COUNT(order_paid) IN LAST 3 DAYS", 0),
        ("COUNT(order_paid) IN PAST 3 DAYS", 2 * SCALE),
        ("DAYS(order_paid)", 2 * SCALE),
        ("SUM(order_paid.amount)", 1_205_000),
        ("SUM(order_paid.amount NET)", 1_205_000 - 50_001),
        ("SUM(order_paid.amount NET WHERE channel = 'shop')", 1_000_000),
        ("SUM(order_paid.amount NET WHERE NOT coupon_id IS KNOWN)", 1_205_000 - 50_001),
        ("AVG(order_paid.amount)", 602_500),
        ("MIN(order_paid.amount)", 205_000),
        ("DISTINCT(order_paid.items.item_id)", 2 * SCALE),
        ("SUM(order_paid.items.amount WHERE item_id.brand = '北京')", 10_000),
        ("COUNT(order_paid WHERE ANY(items, category UNDER '护肤' AND quantity >= 2))", SCALE),
        ("LAST(order_paid.amount)", 205_000),
        ("DAYS SINCE(LAST(order_paid))", 3 * SCALE),
        ("SUM(order_paid.amount) / (COUNT(order_paid) - 3)", None),
        ("SUM(view_item.price)", 0),
        ("AVG(view_item.price)", None),
        ("LAST(view_item)", None),
        ("AGE(birthday)", 26 * SCALE),
        ("MAX(order_paid.hour)", 12 * SCALE),
        ("MIN(order_paid.weekday WHERE amount > 50)", 4 * SCALE),
    ],
)
def test_values(form: str, expected: object) -> None:
    assert value(form) == expected


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("city != '上海'", False),
        ("nickname != 'a'", False),
        ("NOT nickname = 'a'", True),
        ("nickname IS UNKNOWN", True),
        ("interests HAS NONE ('食品')", True),
        ("lucky_numbers HAS NONE (1)", False),
        ("interests UNDER '美妆'", True),
        ("IN SEGMENT 'loyal' AND NOT IN SEGMENT 'staff'", True),
        ("DID order_paid IN LAST 4 DAYS", True),
        ("birthday ANNIVERSARY WITHIN LAST 32 DAYS", True),
        ("birthday ANNIVERSARY WITHIN LAST 31 DAYS", False),
        ("points BETWEEN 5 AND 5", True),
        ("SUM(order_paid.amount) IN LAST 30 DAYS < 0.5 * SUM(order_paid.amount) IN PREVIOUS 30 DAYS", True),
    ],
)
def test_truths(rule: str, expected: bool) -> None:
    assert truth(rule) is expected


def test_a_tie_in_time_is_broken_by_the_ingest_sequence() -> None:
    tied = Person(events=(order(1, 1, "7"), order(2, 1, "8")))
    assert value("FIRST(order_paid.amount)", tied) == 7 * SCALE
    assert value("LAST(order_paid.amount)", tied) == 8 * SCALE


def test_averages_round_half_to_even() -> None:
    assert value("AVG(order_paid.amount)", Person(events=(order(1, 1, "0.0001"), order(2, 1, "0")))) == 0
    assert value("AVG(order_paid.amount)", Person(events=(order(1, 1, "0.0003"), order(2, 1, "0")))) == 2


def test_days_are_the_tenants_across_a_change_of_the_clock() -> None:
    forward = dt.datetime(2026, 3, 8, 7, tzinfo=dt.UTC)  # 02:00 becomes 03:00 in New York
    setting = Setting(CATALOGUE, forward + dt.timedelta(days=1), CalendarSettings("America/New_York"))
    before, after = forward - dt.timedelta(hours=2, seconds=1), forward - dt.timedelta(hours=2)
    person = Person(events=(Event("view_item", before, 1), Event("view_item", after, 2)))
    assert value("DAYS(view_item)", person, setting) == 2 * SCALE
    assert value("COUNT(view_item) IN LAST 2 DAYS", person, setting) == SCALE


def at(*moments: str) -> Person:
    """Views at these moments, of Shanghai."""
    zone = ZoneInfo("Asia/Shanghai")
    times = [dt.datetime.fromisoformat(each).replace(tzinfo=zone) for each in moments]
    return Person(events=tuple(Event("view_item", each, place) for place, each in enumerate(times)))


@pytest.mark.parametrize(
    ("form", "moments", "expected"),
    [
        ("GAP(view_item)", ["2026-03-01T00:00"], None),
        ("GAP(view_item)", ["2026-03-01T00:00", "2026-03-02T12:00"], 15_000),
        (
            "GAP(view_item)",
            ["2026-03-01T00:00", "2026-03-01T00:00", "2026-03-02T00:00", "2026-03-03T00:00"],
            6_667,
        ),
        ("STREAK(view_item)", [], 0),
        (
            "STREAK(view_item)",
            ["2026-03-01T01:00", "2026-03-01T23:00", "2026-03-02T01:00", "2026-03-04T01:00"],
            2 * SCALE,
        ),
        # Sunday and Monday are of two weeks that follow each other
        (
            "STREAK(view_item BY WEEK)",
            ["2026-03-01T01:00", "2026-03-02T01:00", "2026-03-16T01:00"],
            2 * SCALE,
        ),
        (
            "STREAK(view_item BY MONTH)",
            ["2025-11-30T01:00", "2025-12-31T01:00", "2026-01-01T01:00"],
            3 * SCALE,
        ),
        ("NTH(3, view_item)", ["2026-03-01T01:00", "2026-03-02T01:00"], None),
    ],
)
def test_gaps_streaks_and_the_nth(form: str, moments: list[str], expected: int | None) -> None:
    assert value(form, at(*moments)) == expected


def test_the_nth_counts_events_that_have_the_property() -> None:
    known = [Event("view_item", NOON, seq, {"category": each}) for seq, each in ((2, "面膜"), (3, "零食"))]
    events = (Event("view_item", NOON, 1), *known)
    assert value("NTH(2, view_item.category)", Person(events=events)) == "零食"


def test_a_sum_that_does_not_fit_is_an_error() -> None:
    huge = Event("order_paid", NOON, 1, {"amount": INT64_MAX})
    with pytest.raises(NumberOverflow):
        value("SUM(order_paid.amount)", Person(events=(huge, order(2, 0, "1"))))


CHINA = replace(
    SHANGHAI,
    calendar=CalendarSettings("Asia/Shanghai", 1, mainland_china().periods, mainland_china().workdays),
)


@pytest.mark.parametrize(
    ("moment", "is_in"),
    [
        ("2025-10-31T19:59:59", False),
        ("2025-10-31T20:00", True),
        ("2025-11-11T23:59:59", True),
        ("2025-11-12T00:00", False),
    ],
)
def test_a_named_period_opens_in_the_evening_of_the_tenants_zone(moment: str, is_in: bool) -> None:
    said = "DID view_item DURING 'double11-2025'"
    assert truth(said, at(moment), CHINA) is is_in
    in_utc = replace(CHINA, calendar=replace(CHINA.calendar, time_zone="UTC"))
    eight_hours_later = Person(
        events=tuple(replace(each, time=each.time + dt.timedelta(hours=8)) for each in at(moment).events)
    )
    assert truth(said, eight_hours_later, in_utc) is is_in


def test_a_period_ends_with_the_moment_of_evaluation() -> None:
    running = replace(CHINA, as_of=dt.datetime(2025, 11, 1, tzinfo=dt.UTC))
    assert (
        value("COUNT(view_item) DURING 'double11-2025'", at("2025-11-01T07:00", "2025-11-01T09:00"), running)
        == SCALE
    )


@pytest.mark.parametrize(
    ("moment", "workday", "weekend"),
    [
        ("2026-02-14T10:00", True, False),  # a Saturday, worked
        ("2026-02-14T23:59:59", True, False),
        ("2026-02-15T00:00", False, True),
        ("2026-02-16T10:00", False, True),  # a Monday of the Spring Festival
        ("2026-03-30T10:00", True, False),
        ("2022-03-30T10:00", False, False),  # nobody said which days of that year are worked
    ],
)
def test_a_workday_is_the_calendars(moment: str, workday: bool, weekend: bool) -> None:
    assert truth("DID(view_item WHERE is_workday)", at(moment), CHINA) is workday
    assert truth("DID(view_item WHERE NOT is_workday AND is_workday IS KNOWN)", at(moment), CHINA) is weekend


def test_what_a_source_says_of_workdays_does_not_count() -> None:
    said = Event("view_item", NOON, 1, {"is_workday": True})
    years = replace(CHINA, calendar=replace(CHINA.calendar, workdays=Workdays(frozenset({2000}))))
    assert not truth("DID(view_item WHERE is_workday)", Person(events=(said,)), years)


@pytest.mark.parametrize(
    ("rule", "name"),
    [
        (
            "FALSE AND DID order_paid DURING '618-2026'",
            "DURING '618-2026', a period that the calendar does not have,",
        ),
        ("DID (order_paid WHERE FALSE AND is_workday)", "is_workday without a calendar of workdays"),
        ("city = 'a' LIMIT 5 BY points", "LIMIT"),
    ],
)
def test_what_is_not_evaluated_is_refused_by_name(rule: str, name: str) -> None:
    with pytest.raises(UnsupportedNode) as refused:
        truth(rule)
    assert refused.value.node == name
