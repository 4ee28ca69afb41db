"""Windows against dates worked out by hand, in a zone with and one without summer time."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.ahead import ahead, fixed_windows, period_starts
from rules.calendars import Period, Periods
from rules.errors import UnsupportedNode
from rules.parser import parse_form
from rules.tree import Aggregate, Back, Last, Past, Previous, Unit, Window
from rules.windows import TICK, CalendarSettings, interval

SHANGHAI = CalendarSettings()
NEW_YORK = CalendarSettings("America/New_York", week_start=7)


def window(text: str) -> Window:
    form = parse_form(f"COUNT(e) {text}")
    assert isinstance(form, Aggregate)
    return form.window


def local(text: str, calendar: CalendarSettings = SHANGHAI) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=calendar.zone).astimezone(dt.UTC)


# A Tuesday, 31 March, half past ten in Shanghai.
NOW = local("2026-03-31T10:30")
AFTER_NOW = NOW + TICK


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("IN LAST 1 DAY", "2026-03-31", None),
        ("IN LAST 30 DAYS", "2026-03-02", None),
        ("IN PAST 1 DAY", "2026-03-30", "2026-03-31"),
        ("IN PAST 30 DAYS", "2026-03-01", "2026-03-31"),
        ("IN PREVIOUS 30 DAYS BEFORE PAST", "2026-01-30", "2026-03-01"),
        ("IN PREVIOUS 30 DAYS BEFORE LAST", "2026-01-31", "2026-03-02"),
        ("IN LAST 2 WEEKS", "2026-03-18", None),
        ("IN LAST 1 MONTH", "2026-03-01", None),
        ("IN PAST 1 MONTH", "2026-02-28", "2026-03-31"),
        ("IN PREVIOUS 1 MONTH BEFORE PAST", "2026-01-31", "2026-02-28"),
        ("IN PAST 1 QUARTER", "2025-12-31", "2026-03-31"),
        ("IN LAST 1 YEAR", "2025-04-01", None),
        ("IN THIS WEEK", "2026-03-30", None),
        ("IN PREVIOUS WEEK", "2026-03-23", "2026-03-30"),
        ("IN PREVIOUS MONTH", "2026-02-01", "2026-03-01"),
        ("IN THIS QUARTER", "2026-01-01", None),
        ("IN PREVIOUS QUARTER", "2025-10-01", "2026-01-01"),
        ("IN PREVIOUS YEAR", "2025-01-01", "2026-01-01"),
        ("IN THIS MONTH TO DATE", "2026-03-01", None),
        ("IN BETWEEN 2026-01-01 AND 2026-01-31", "2026-01-01", "2026-02-01"),
        ("IN BETWEEN 2026-03-01 AND 2026-12-31", "2026-03-01", None),
    ],
)
def test_whole_day_windows(text: str, start: str, end: str | None) -> None:
    found = interval(window(text), NOW, SHANGHAI)
    assert found.start == local(start)
    assert found.end == (local(end) if end else AFTER_NOW)


def test_to_date_ends_at_the_same_place_in_the_previous_period() -> None:
    week = interval(window("IN PREVIOUS WEEK TO DATE"), NOW, SHANGHAI)
    assert (week.start, week.end) == (local("2026-03-23"), local("2026-03-24T10:30") + TICK)
    month = interval(window("IN PREVIOUS MONTH TO DATE"), NOW, SHANGHAI)
    assert (month.start, month.end) == (local("2026-02-01"), local("2026-02-28T10:30") + TICK)


def test_hours_roll_and_the_previous_ones_stand_before_them() -> None:
    last = interval(window("IN LAST 24 HOURS"), NOW, SHANGHAI)
    before = interval(window("IN PREVIOUS 24 HOURS BEFORE LAST"), NOW, SHANGHAI)
    assert NOW in last
    assert NOW - dt.timedelta(hours=24) not in last
    assert NOW - dt.timedelta(hours=24) in before
    assert before.end == last.start


def test_a_moment_without_a_zone_is_the_tenants() -> None:
    found = interval(window("IN BETWEEN 2026-03-01T20:00 AND 2026-03-01T22:00Z"), NOW, SHANGHAI)
    assert found.start == dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
    assert dt.datetime(2026, 3, 1, 22, tzinfo=dt.UTC) in found


def test_all_time_ends_at_as_of() -> None:
    found = interval(window(""), NOW, SHANGHAI)
    assert found.start is None
    assert NOW in found
    assert AFTER_NOW not in found


def test_the_week_starts_where_the_tenant_says() -> None:
    sunday = local("2026-03-29T08:00", NEW_YORK)
    assert interval(window("IN THIS WEEK"), sunday, NEW_YORK).start == local("2026-03-29", NEW_YORK)
    assert interval(window("IN THIS WEEK"), sunday, SHANGHAI).start == local("2026-03-23")


def test_the_day_of_the_clock_change_has_23_hours() -> None:
    found = interval(window("IN PAST 1 DAY"), local("2026-03-09T12:00", NEW_YORK), NEW_YORK)
    assert found.start is not None
    assert found.end - found.start == dt.timedelta(hours=23)


def test_a_window_in_the_future_is_empty() -> None:
    found = interval(window("IN BETWEEN 2027-01-01 AND 2027-01-02"), NOW, SHANGHAI)
    assert found.start is not None
    assert found.start >= found.end


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "America/New_York"])
def test_a_period_may_reach_as_far_as_dates_do(zone: str) -> None:
    ever = Period.of_texts("ever", "0001-01-01T00:00:00", "9999-12-31T23:59:59")
    calendar = CalendarSettings(zone, periods=Periods((ever,)))
    found = interval(window("DURING 'ever'"), NOW, calendar)
    assert found.start is not None
    assert found.start.year == 1
    assert found.end == AFTER_NOW
    assert calendar.moment(ever.end).year == 9999


def test_what_needs_the_check_or_the_calendar_is_refused() -> None:
    with pytest.raises(ValueError, match="checked rule"):
        interval(Previous(7, Unit.DAY), NOW, SHANGHAI)
    with pytest.raises(UnsupportedNode, match="DURING"):
        interval(window("DURING '618-2026'"), NOW, SHANGHAI)


@given(
    count=st.integers(1, 36),
    unit=st.sampled_from([Unit.DAY, Unit.WEEK, Unit.MONTH, Unit.QUARTER]),
    as_of=st.integers(1_577_836_800, 1_893_456_000).map(
        lambda seconds: dt.datetime.fromtimestamp(seconds, dt.UTC)
    ),
    calendar=st.sampled_from([SHANGHAI, NEW_YORK]),
)
def test_previous_ends_where_its_window_starts(
    count: int, unit: Unit, as_of: dt.datetime, calendar: CalendarSettings
) -> None:
    for later, back in ((Last(count, unit), Back.LAST), (Past(count, unit), Back.PAST)):
        before = interval(Previous(count, unit, back), as_of, calendar)
        assert before.end == interval(later, as_of, calendar).start
        assert before.start is not None
        assert before.start < before.end


def test_windows_that_have_not_begun_are_told_in_the_zone() -> None:
    calendar = CalendarSettings(
        "America/New_York",
        periods=Periods(
            (
                Period.of_texts("now", "2026-03-30T22:30", "2026-04-02T00:00"),
                Period.of_texts("sale", "2026-03-30T22:31", "2026-04-02T00:00"),
            )
        ),
    )
    form = parse_form(
        "COUNT(e) DURING 'sale' + COUNT(e) DURING 'now' + COUNT(e) DURING 'gone' + COUNT(f) DURING 'sale' + "
        "COUNT(e) IN LAST 3 DAYS + COUNT(e) IN BETWEEN 2026-03-30 AND 2027-01-01 + "
        "COUNT(e) IN BETWEEN 2026-03-31 AND 2027-01-01 + COUNT(e) + "
        "COUNT(e) IN BETWEEN 2026-03-31T10:31+08:00 AND 2026-04-01T00:00+08:00"
    )
    told = ahead(fixed_windows([form]), NOW, calendar, period_starts(calendar))
    assert [each.split(" lies ahead: it begins at ")[0] for each in told] == [
        "DURING 'sale'",
        "IN BETWEEN 2026-03-31 AND 2027-01-01",
        "IN BETWEEN 2026-03-31T02:31Z AND 2026-03-31T16:00Z",
    ]
    assert "at 2026-03-30T22:31-04:00," in told[0]


def test_a_window_that_begins_after_the_last_local_year_is_told_in_utc() -> None:
    form = parse_form("COUNT(e) IN BETWEEN 9999-12-31T23:00Z AND 9999-12-31T23:30Z")
    (told,) = ahead(fixed_windows([form]), NOW, SHANGHAI, {})
    assert "it begins at 9999-12-31T23:00+00:00," in told
