"""Values and moments come back as they went, and what is none is named."""

import datetime as dt

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.type.v1 import value_pb2
from hypothesis import given
from hypothesis import strategies as st
from servicekit.values import (
    MAX_DATE_DAYS,
    MIN_DATE_DAYS,
    NotAValue,
    microseconds,
    put_scalar,
    scalar,
    timestamp,
)

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.text(max_size=20),
    st.dates(),
    st.datetimes(
        timezones=st.timezones(),
        min_value=dt.datetime.fromisoformat("0002-01-01"),
        max_value=dt.datetime.fromisoformat("9998-12-31"),
    ),
)


@given(SCALARS)
def test_a_scalar_comes_back(value):
    message = value_pb2.Value()
    put_scalar(message, value)
    found = scalar(message)
    assert found == value
    assert type(found) is type(value)


@given(st.integers(-(10**16), 10**16))
def test_microseconds_come_back(time_us):
    assert microseconds(timestamp(time_us)) == time_us


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
