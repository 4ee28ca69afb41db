"""Values and moments come back as they went, and what is none is named."""

import datetime as dt

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.type.v1 import value_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit.values import (
    EPOCH,
    MAX_DATE_DAYS,
    MIN_DATE_DAYS,
    NotAValue,
    date_of,
    days_of,
    microseconds,
    moment,
    put_scalar,
    scalar,
    timestamp,
    timestamp_of,
)

AWARE = st.datetimes(
    timezones=st.timezones(),
    min_value=dt.datetime.fromisoformat("0002-01-01"),
    max_value=dt.datetime.fromisoformat("9998-12-31"),
)
SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=20),
    st.dates(),
    AWARE,
)


def in_utc(value):
    """Moments that a change of clocks makes ambiguous equal none of another zone."""
    return value.astimezone(dt.UTC) if isinstance(value, dt.datetime) else value


@given(SCALARS)
def test_a_scalar_comes_back(value):
    message = value_pb2.Value()
    put_scalar(message, value)
    found = scalar(message)
    assert found == in_utc(value)
    assert type(found) is type(value)


@given(st.integers(-(10**16), 10**16))
def test_microseconds_come_back(time_us):
    assert microseconds(timestamp(time_us)) == time_us


@given(AWARE)
def test_a_moment_becomes_the_message_that_protobuf_makes_of_it(moment_):
    expected = Timestamp()
    expected.FromDatetime(moment_)
    assert timestamp_of(moment_) == expected
    assert moment(expected) == in_utc(moment_)


def test_the_first_moment_and_the_first_day_are_values_too():
    for first in (EPOCH, EPOCH.date()):
        message = value_pb2.Value()
        put_scalar(message, first)
        assert scalar(value_pb2.Value.FromString(message.SerializeToString())) == first


@given(st.dates())
def test_days_come_back(day):
    assert date_of(days_of(day)) == day


@pytest.mark.parametrize("days", [MIN_DATE_DAYS - 1, MAX_DATE_DAYS + 1, 2**31 - 1])
def test_days_of_no_calendar_are_refused(days):
    with pytest.raises(NotAValue, match="years 1 to 9999"):
        date_of(days)


@pytest.mark.parametrize(
    "message",
    [
        value_pb2.Value(list_value=value_pb2.ValueList()),
        value_pb2.Value(record_value=value_pb2.ValueRecord()),
        value_pb2.Value(date_value=MAX_DATE_DAYS + 1),
        value_pb2.Value(date_value=MIN_DATE_DAYS - 1),
        value_pb2.Value(datetime_value=Timestamp(nanos=-1)),
        value_pb2.Value(datetime_value=Timestamp(seconds=253_402_300_799, nanos=2_000_000_000)),
        value_pb2.Value(datetime_value=Timestamp(seconds=253_402_300_800)),
    ],
    ids=str,
)
def test_what_is_no_scalar_is_refused(message):
    with pytest.raises(NotAValue):
        scalar(message)


def test_an_empty_message_is_unknown():
    assert scalar(value_pb2.Value()) is None


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="zone"):
        put_scalar(value_pb2.Value(), dt.datetime(2026, 5, 1))  # noqa: DTZ001  # the point of it
    with pytest.raises(ValueError, match="zone"):
        timestamp_of(dt.datetime(2026, 5, 1))  # noqa: DTZ001
