"""Timetables against a reference that looks at every minute of the tenant's clock."""

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rules.windows import CalendarSettings
from tagging.domain.schedule import (
    EPOCH,
    Daily,
    EveryMinutes,
    Hourly,
    Monthly,
    OnEvent,
    Quarterly,
    Schedule,
    ScheduleInvalid,
    Timetable,
    Weekly,
    check_schedule,
    latest_due,
)

MINUTE = dt.timedelta(minutes=1)
ZONES = ("Asia/Shanghai", "UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")
HOURS, MINUTES = st.integers(0, 23), st.integers(0, 59)
TIMETABLES: st.SearchStrategy[Timetable] = st.one_of(
    st.builds(EveryMinutes, st.integers(1, 1_440)),
    st.builds(Hourly, MINUTES),
    st.builds(Daily, HOURS, MINUTES),
    st.builds(Weekly, st.integers(1, 7), HOURS, MINUTES),
)
START = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
MOMENTS = st.integers(0, 364 * 86_400).map(lambda seconds: START + dt.timedelta(seconds=seconds))


def is_due(schedule: Timetable, minute: dt.datetime, calendar: CalendarSettings) -> bool:
    """Whether a whole minute is one of the schedule's, as a person reads the clock on the wall; times that the clock
    leaves out or repeats are looked at apart."""
    local = minute.astimezone(calendar.zone)
    match schedule:
        case EveryMinutes(minutes):
            return int((minute - EPOCH) / MINUTE) % minutes == 0
        case Hourly(at):
            return local.minute == at
        case Daily(hour, at):
            return (local.hour, local.minute) == (hour, at)
        case Weekly(day, hour, at):
            return (local.isoweekday(), local.hour, local.minute) == (day, hour, at)
        case Monthly(day, hour, at):
            last = (local.date() + dt.timedelta(days=1)).day == 1
            return (local.hour, local.minute) == (hour, at) and (
                local.day == day or (last and local.day < day)
            )
    raise AssertionError(schedule)


@given(TIMETABLES, MOMENTS, st.sampled_from(["Asia/Shanghai", "UTC", "Asia/Kolkata"]))
def test_the_latest_due_moment_is_the_last_minute_that_the_wall_clock_names(
    schedule: Timetable, now: dt.datetime, zone: str
) -> None:
    calendar = CalendarSettings(zone)
    minute = now.replace(second=0, microsecond=0)
    while not is_due(schedule, minute, calendar):
        minute -= MINUTE
    assert latest_due(schedule, now, calendar) == minute


@given(st.integers(1, 31), HOURS, MINUTES, MOMENTS)
def test_a_month_has_one_due_moment_each(day: int, hour: int, minute: int, now: dt.datetime) -> None:
    calendar, schedule = CalendarSettings(), Monthly(day, hour, minute)
    found = latest_due(schedule, now, calendar)
    assert is_due(schedule, found, calendar)
    assert found <= now
    assert latest_due(schedule, found - MINUTE, calendar) < found
    assert now - found <= dt.timedelta(days=31)


@pytest.mark.parametrize(
    ("now", "due"),
    [
        ("2026-03-29T00:29:00+00:00", "2026-03-28T01:30:00+00:00"),
        ("2026-03-29T01:29:00+00:00", "2026-03-28T01:30:00+00:00"),
        ("2026-03-29T01:30:00+00:00", "2026-03-29T01:30:00+00:00"),  # 02:30 is left out: 03:30 stands for it
        ("2026-10-25T00:30:00+00:00", "2026-10-25T00:30:00+00:00"),  # 02:30 comes twice: the first
        ("2026-10-25T01:30:00+00:00", "2026-10-25T00:30:00+00:00"),
        ("2026-10-26T01:29:00+00:00", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_a_day_has_one_due_moment_when_the_clock_changes(now: str, due: str) -> None:
    found = latest_due(Daily(2, 30), dt.datetime.fromisoformat(now), CalendarSettings("Europe/Berlin"))
    assert found == dt.datetime.fromisoformat(due)


@given(TIMETABLES, MOMENTS, st.sampled_from(ZONES))
def test_a_due_moment_is_its_own_latest_and_never_ahead(
    schedule: Timetable, now: dt.datetime, zone: str
) -> None:
    calendar = CalendarSettings(zone)
    found = latest_due(schedule, now, calendar)
    assert found <= now
    assert latest_due(schedule, found, calendar) == found


@given(TIMETABLES, MOMENTS, st.timedeltas(dt.timedelta(0), dt.timedelta(days=40)), st.sampled_from(ZONES))
def test_due_moments_rise_with_time(
    schedule: Timetable, now: dt.datetime, later: dt.timedelta, zone: str
) -> None:
    calendar = CalendarSettings(zone)
    assert latest_due(schedule, now, calendar) <= latest_due(schedule, now + later, calendar)


def test_a_quarter_s_day() -> None:
    calendar = CalendarSettings()
    now = dt.datetime(2026, 5, 20, 12, tzinfo=dt.UTC)
    assert latest_due(Quarterly(2, 31, 8, 0), now, calendar) == dt.datetime(2026, 2, 28, tzinfo=dt.UTC)
    assert latest_due(Quarterly(1, 1, 8, 0), now, calendar) == dt.datetime(2026, 4, 1, tzinfo=dt.UTC)


@pytest.mark.parametrize(
    ("schedule", "field"),
    [
        (EveryMinutes(0), "every_minutes"),
        (EveryMinutes(1_441), "every_minutes"),
        (Hourly(60), "minute"),
        (Daily(24, 0), "hour"),
        (Daily(0, 60), "minute"),
        (Weekly(8), "day"),
        (Monthly(32), "day"),
        (Quarterly(4), "month"),
        (Quarterly(1, 0), "day"),
        (OnEvent(""), "on_event"),
    ],
)
def test_a_schedule_beyond_its_limits_is_refused_by_field(schedule: Schedule, field: str) -> None:
    with pytest.raises(ScheduleInvalid, match=f"^{field}: "):
        check_schedule(schedule)
