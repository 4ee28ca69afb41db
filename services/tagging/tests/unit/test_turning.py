"""Whose values may change at midnight: those with events on days that enter or leave a window."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules import tree as t
from rules.windows import CalendarSettings, interval
from tagging.app.columns_in_force import tag_schema
from tagging.domain.columns import microseconds
from tagging.domain.compilation import feature_recipe
from tagging.domain.turning import turned_spans, turning_windows
from tagging.store.dictionary_file import standard_dictionary

SHANGHAI = CalendarSettings()
SCHEMA = tag_schema(standard_dictionary(), [])
DAYS = t.Unit.DAY
_UNITS = st.sampled_from([DAYS, t.Unit.WEEK, t.Unit.MONTH])
_COUNTS = st.integers(1, 40)
WINDOWS = st.one_of(
    st.builds(t.Last, _COUNTS, _UNITS),
    st.builds(t.Past, _COUNTS, _UNITS),
    st.builds(t.Previous, _COUNTS, _UNITS, st.sampled_from(t.Back)),
    st.builds(t.Period, st.sampled_from(t.Which), st.sampled_from([t.Unit.WEEK, t.Unit.MONTH, t.Unit.YEAR])),
    st.just(t.AllTime()),
)
ZONES = st.sampled_from(["Asia/Shanghai", "America/New_York", "Pacific/Apia"])
FIRST = dt.date(2025, 3, 1)


@given(WINDOWS, ZONES, st.integers(0, 400), st.integers(1, 9), st.integers(0, 40), st.data())
def test_an_event_that_counts_on_one_side_of_midnight_alone_stands_in_a_span(
    window: t.Window, zone: str, start: int, later: int, hours: int, data: st.DataObject
) -> None:
    calendar = CalendarSettings(zone)
    day = FIRST + dt.timedelta(days=start)
    before = calendar.midnight(day) + dt.timedelta(hours=data.draw(st.integers(0, 22)))
    after = calendar.midnight(day + dt.timedelta(days=later)) + dt.timedelta(hours=hours)
    spans = turned_spans([window], day, after, calendar)
    assert spans is not None
    back = data.draw(st.integers(0, 1_200) | st.integers(0, 90_000))
    at = after - dt.timedelta(hours=back)
    counts = [at in interval(window, moment, calendar) for moment in (before, after)]
    if counts[0] != counts[1]:
        assert any(from_ <= microseconds(at) < to for from_, to in spans)


@pytest.mark.parametrize(
    ("form", "windows"),
    [
        ("COUNT(order_paid) IN LAST 7 DAYS", {t.Last(7, DAYS)}),
        ("SUM(order_paid.amount) IN PAST 3 DAYS / COUNT(search)", {t.Past(3, DAYS), t.AllTime()}),
        ("DAYS SINCE(LAST(order_paid))", None),
        ("COUNT(order_paid) IN LAST 7 DAYS + COUNT(order_paid) IN LAST 2 HOURS", None),
        ("STREAK(order_paid BY DAY) IN LAST 7 DAYS", None),
    ],
)
def test_a_column_turns_by_its_windows_or_by_more(form: str, windows: set[t.Window] | None) -> None:
    assert turning_windows(feature_recipe(form, SCHEMA)) == (None if windows is None else frozenset(windows))
