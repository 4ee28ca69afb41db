"""Cells become exact typed values, and refuse what they are not."""

import datetime as dt
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from cli.calls.values import plain
from cli.importing.values import BadCell, boolean, date, moment, number, put_value
from huaxiang.type.v1 import value_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit.values import put_scalar

SHANGHAI = ZoneInfo("Asia/Shanghai")


def put(cell: object, type_: str) -> value_pb2.Value:
    value = value_pb2.Value()
    put_value(value, cell, type_, SHANGHAI)
    return value


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("12.34", 123_400),
        (" 1,234.5 ", 12_345_000),
        ("-0.0001", -1),
        (7, 70_000),
        (0.1, 1_000),
        (Decimal("71.9000"), 719_000),
        ("1E3", 10_000_000),
        ("922337203685477.5807", 2**63 - 1),
    ],
)
def test_a_number_is_exact(cell: object, expected: int) -> None:
    assert number(cell) == expected


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("1.23456", "more than four decimals"),
        ("twelve", "not a number"),
        (True, "true or false"),
        ("NaN", "not a number"),
        ("Infinity", "not a number"),
        ("922337203685477.5808", "too large"),
        ("1e500000", "too large"),
        ("1e999999", "too large"),
    ],
)
def test_what_is_no_such_number_is_refused_without_telling_it(cell: object, problem: str) -> None:
    with pytest.raises(BadCell, match=problem) as refused:
        number(cell)
    assert str(cell) not in str(refused.value)


@given(st.integers(min_value=-(2**63), max_value=2**63 - 1))
def test_every_fixed_point_number_comes_back(scaled: int) -> None:
    assert number(f"{Decimal(scaled) / 10_000:f}") == scaled


def test_a_time_without_a_zone_is_in_the_mapping_s() -> None:
    assert moment("2026-06-30 12:00:00", SHANGHAI) == dt.datetime(2026, 6, 30, 4, tzinfo=dt.UTC)
    assert moment("2026/06/30 12:00", SHANGHAI) == dt.datetime(2026, 6, 30, 4, tzinfo=dt.UTC)
    assert moment("2026-06-30T12:00:00Z", SHANGHAI) == dt.datetime(2026, 6, 30, 12, tzinfo=dt.UTC)
    assert moment(dt.date(2026, 6, 30), SHANGHAI) == dt.datetime(2026, 6, 29, 16, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("2026/11/2 9:05", dt.datetime(2026, 11, 2, 9, 5, tzinfo=SHANGHAI)),
        ("2026/1/2 9:05:07", dt.datetime(2026, 1, 2, 9, 5, 7, tzinfo=SHANGHAI)),
        ("2026-1-2", dt.datetime(2026, 1, 2, tzinfo=SHANGHAI)),
        ("2026-11-02T09:05:07.500000", dt.datetime(2026, 11, 2, 9, 5, 7, 500_000, tzinfo=SHANGHAI)),
    ],
)
def test_a_time_as_spreadsheets_write_it_is_read(cell: str, expected: dt.datetime) -> None:
    assert moment(cell, SHANGHAI) == expected
    assert date(cell) == expected.date()


@pytest.mark.parametrize("cell", ["2026-06-30xyz", "2026-06-30 or so", "2026-06-3000"])
def test_a_date_with_something_behind_it_is_none(cell: str) -> None:
    with pytest.raises(BadCell, match="not a date"):
        date(cell)


@pytest.mark.parametrize("cell", ["30.06.2026", "yesterday", "2026-13-01"])
def test_what_is_no_time_is_refused(cell: str) -> None:
    with pytest.raises(BadCell, match="is not a time"):
        moment(cell, SHANGHAI)


def test_a_date_is_the_day_that_is_written() -> None:
    assert date("1990-02-28") == date("1990/02/28") == date(dt.datetime(1990, 2, 28, 23, tzinfo=dt.UTC))
    with pytest.raises(BadCell):
        date("28.2.1990")


@pytest.mark.parametrize(
    ("cell", "expected"), [("Y", True), ("是", True), (1, True), ("false", False), ("否", False)]
)
def test_yes_and_no_have_many_texts(cell: object, expected: bool) -> None:
    assert boolean(cell) is expected


def test_other_texts_are_neither_yes_nor_no() -> None:
    with pytest.raises(BadCell):
        boolean("maybe")


def test_items_keep_exact_numbers_in_json_and_parquet() -> None:
    said = put('[{"item_id": "A", "quantity": 2, "amount": 71.9}]', "list")
    stored = put([{"item_id": "A", "quantity": 2, "amount": Decimal("71.90"), "brand": None}], "list")
    fields = said.list_value.values[0].record_value.fields
    assert fields["amount"].number_value == 719_000
    assert fields["quantity"].number_value == 20_000
    assert said == stored


@pytest.mark.parametrize("cell", ["[", "{}", "7"])
def test_what_is_no_list_is_refused(cell: str) -> None:
    with pytest.raises(BadCell, match="list"):
        put(cell, "list")


def test_each_type_goes_to_its_field() -> None:
    assert put("x", "text").text_value == "x"
    assert put("是", "bool").bool_value is True
    assert put("1970-01-02", "date").date_value == 1
    assert put("1970-01-01T08:00:00", "datetime").datetime_value.seconds == 0
    assert put("0.5", "number").number_value == 5_000


def test_times_in_a_list_are_in_the_mapping_s_zone_when_they_have_none() -> None:
    noon = dt.datetime(2026, 6, 30, 12)  # noqa: DTZ001  # as Parquet says it
    cells = [noon, noon.replace(tzinfo=dt.UTC), noon.date()]
    bare, aware, day = put(cells, "list").list_value.values
    assert bare.datetime_value.ToDatetime(dt.UTC) == noon.replace(tzinfo=SHANGHAI)
    assert aware.datetime_value.ToDatetime(dt.UTC) == noon.replace(tzinfo=dt.UTC)
    assert day.date_value == noon.toordinal() - dt.date(1970, 1, 1).toordinal()


@given(st.one_of(st.booleans(), st.text(), st.dates(), st.datetimes(timezones=st.just(dt.UTC)), st.none()))
def test_values_are_shown_to_programs_as_plain_data(said: object) -> None:
    value = value_pb2.Value()
    if said is not None:
        put_scalar(value, said)  # type: ignore[arg-type]
    assert plain(value) == (said.isoformat() if isinstance(said, dt.date) else said)
