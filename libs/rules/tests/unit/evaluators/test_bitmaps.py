"""The bitmaps evaluator and its columns in memory."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyroaring import BitMap
from rules.check import Population, check_rule
from rules.errors import UnsupportedNode
from rules.evaluate.bitmaps import MemoryBitmaps, column_of, members
from rules.evaluate.setting import Setting
from rules.features import plan_features
from rules.testing import retailer
from rules.values import DATE, DATETIME, NUMBER, SCALE, TEXT, Kind, ValueType, list_of

CATALOGUE = retailer()
NOON = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)
SETTING = Setting(CATALOGUE, NOON)
VALUES = {
    NUMBER: st.integers(-5, 5),
    TEXT: st.sampled_from(["a", "b", "上海"]),
    DATE: st.dates(dt.date(2026, 1, 1), dt.date(2026, 1, 9)),
    DATETIME: st.integers(0, 100_000).map(lambda minutes: NOON - dt.timedelta(minutes=minutes)),
}


def filled(type_: ValueType, values: dict[int, object]):
    column = column_of(type_)
    column.apply(values)  # type: ignore[arg-type]
    return column


@given(data=st.data(), type_=st.sampled_from(list(VALUES)))
def test_a_column_answers_like_a_dictionary_after_any_changes(data: st.DataObject, type_: ValueType) -> None:
    values = VALUES[type_]
    column, known = column_of(type_), {}
    for changes in data.draw(st.lists(st.dictionaries(st.integers(0, 9), values | st.none()), max_size=4)):
        column.apply(changes)
        known |= changes
        known = {person: value for person, value in known.items() if value is not None}
    low, high = data.draw(values), data.draw(values)
    assert column.known() == BitMap(known)
    assert column.any_of([low, high]) == BitMap(p for p, value in known.items() if value in (low, high))
    assert column.where(lambda value: value >= low) == BitMap(p for p, each in known.items() if each >= low)
    found = column.between(low, high, with_low=True, with_high=False)
    assert found == BitMap(p for p, value in known.items() if low <= value < high)
    after = column.between(low, None, with_low=False, with_high=False)
    assert after == BitMap(p for p, value in known.items() if low < value)
    assert dict(column.values(BitMap(range(20)))) == known


def test_an_empty_list_is_known_and_has_none() -> None:
    column = filled(list_of(Kind.TEXT), {1: (), 2: ("a", "b"), 3: ("b",)})
    assert column.known() == BitMap([1, 2, 3])
    assert column.any_of(["a"]) == BitMap([2])
    column.apply({2: ("c",), 3: None})
    assert column.any_of(["a", "b"]) == BitMap()
    assert column.known() == BitMap([1, 2])


@pytest.fixture
def index() -> MemoryBitmaps:
    return MemoryBitmaps(
        universes={Population.KNOWN: BitMap([1, 2, 3]), Population.ALL: BitMap([1, 2, 3, 4])},
        tags={
            "city": filled(TEXT, {1: "上海", 2: "北京", 4: "上海"}),
            "favourite": filled(TEXT, {1: "面膜", 2: "食品", 3: "美妆"}),
            "points": filled(NUMBER, {1: 5 * SCALE, 2: 7 * SCALE}),
            "age": filled(NUMBER, {1: 5 * SCALE, 2: 8 * SCALE, 3: SCALE}),
            "birthday": filled(DATE, {2: dt.date(2000, 2, 29)}),
            "last_seen": filled(
                DATETIME, {1: NOON - dt.timedelta(hours=12), 2: NOON - dt.timedelta(hours=13)}
            ),
        },
        features={"COUNT(order_paid)": filled(NUMBER, {1: SCALE, 2: 0, 3: 3 * SCALE})},
        segments={"staff": BitMap([2, 9])},
    )


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("city = '上海'", [1]),
        ("city != '上海'", [2]),
        ("NOT city = '上海'", [2, 3]),
        ("city IS UNKNOWN", [3]),
        ("favourite UNDER '美妆'", [1, 3]),
        ("IN SEGMENT 'staff' OR points = 5", [1, 2]),
        ("age > points", [2]),
        ("age - points IS UNKNOWN", [3]),
        ("DAYS SINCE(last_seen) = 0", [1]),
        ("DAYS SINCE(last_seen) >= 0.5", [2]),
        ("ELAPSED DAYS(last_seen) < 1", [1, 2]),
        ("ELAPSED DAYS(birthday) IS UNKNOWN", [1, 3]),
        ("1 / (points - 5) IS UNKNOWN", [1, 3]),
        ("COUNT(order_paid) >= 1 AND NOT city = '北京'", [1, 3]),
        ("TRUE", [1, 2, 3]),
    ],
)
def test_members(index: MemoryBitmaps, rule: str, expected: list[int]) -> None:
    checked = check_rule(rule, CATALOGUE).rule
    plan = plan_features(checked, CATALOGUE)
    assert list(members(plan.rule, index, SETTING)) == expected
    if not plan.features:  # the canonical form writes IS UNKNOWN as NOT ... IS KNOWN
        assert list(members(checked, index, SETTING)) == expected


def test_an_evaluation_leaves_the_index_as_it_was(index: MemoryBitmaps) -> None:
    before = index.universe(Population.KNOWN)
    found = members(check_rule("TRUE AND NOT FALSE", CATALOGUE).rule, index, SETTING)
    found.clear()
    assert index.universe(Population.KNOWN) == before


def test_what_the_index_lacks_is_an_error(index: MemoryBitmaps) -> None:
    for rule in ("is_vip", "IN SEGMENT 'loyal'"):
        with pytest.raises(LookupError):
            members(check_rule(rule, CATALOGUE).rule, index, SETTING)
    with pytest.raises(UnsupportedNode):
        members(check_rule("FALSE AND DID order_paid", CATALOGUE).rule, index, SETTING)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("ELAPSED DAYS(last_seen) < 1", [1]),
        ("ELAPSED DAYS(last_seen) <= 1", [1, 2, 3]),
        ("ELAPSED DAYS(last_seen) = 1", [2, 3]),
        ("ELAPSED DAYS(last_seen) != 1", [1, 4]),
        ("ELAPSED DAYS(last_seen) >= 1.5", [4]),
        ("2 <= ELAPSED DAYS(last_seen)", [4]),
        ("ELAPSED DAYS(last_seen) > 922337203685477", []),
        ("DAYS SINCE(last_seen) > -922337203685477", [1, 2, 3, 4]),
    ],
)
def test_whole_periods_of_24_hours_end_to_the_microsecond(rule: str, expected: list[int]) -> None:
    day, tick = dt.timedelta(days=1), dt.timedelta(microseconds=1)
    ago = {1: day - tick, 2: day, 3: 2 * day - tick, 4: 2 * day}
    seen = filled(DATETIME, {person: NOON - each for person, each in ago.items()})
    index = MemoryBitmaps({Population.KNOWN: BitMap(ago)}, {"last_seen": seen})
    assert list(members(check_rule(rule, CATALOGUE).rule, index, SETTING)) == expected
