"""What events say comes from the store's JSON to Arrow as it was said."""

import datetime as dt
from typing import Any

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st
from rules import values
from rules.schema import PropertyType
from rules.values import Kind
from tagging.store.property_json import encode
from tagging.store.said_columns import arrow_type, said_columns

LINE = (
    PropertyType("day", values.DATE),
    PropertyType("amount", values.NUMBER),
    PropertyType("at", values.DATETIME),
)
PROPERTIES = (
    PropertyType("yes", values.BOOL),
    PropertyType("amount", values.NUMBER),
    PropertyType("word", values.TEXT),
    PropertyType("day", values.DATE),
    PropertyType("at", values.DATETIME),
    PropertyType("words", values.list_of(Kind.TEXT)),
    PropertyType("lines", values.RECORDS, fields=LINE),
    PropertyType("never", values.DATE),
)
_INTEGERS = st.integers(-(2**63), 2**63 - 1)
_DAYS = st.dates()
_MOMENTS = st.datetimes(timezones=st.just(dt.UTC))
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
_LINES = st.fixed_dictionaries({}, optional={"day": _DAYS, "amount": _INTEGERS, "at": _MOMENTS})
_SAID = st.fixed_dictionaries(
    {},
    optional={
        "yes": st.booleans(),
        "amount": _INTEGERS,
        "word": _TEXTS | st.just('a\n"$t"\u2028{}'),
        "day": _DAYS,
        "at": _MOMENTS,
        "words": st.lists(_TEXTS, max_size=3).map(tuple),
        "lines": st.lists(_LINES, max_size=3).map(tuple),
        "of an earlier dictionary": _TEXTS,
    },
)


@given(st.lists(_SAID, max_size=6))
def test_columns_hold_what_was_said(said: list[dict[str, Any]]) -> None:
    found = said_columns([encode(each) for each in said], PROPERTIES)
    for each in PROPERTIES:
        expected = pa.array([event.get(each.name) for event in said], arrow_type(each))
        assert found[each.name].equals(expected), each.name
