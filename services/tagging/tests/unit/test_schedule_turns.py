"""Random schedules and clock steps, forward and back, against a reference that counts minutes."""

import datetime as dt

from hypothesis import given
from hypothesis import strategies as st
from rules.windows import CalendarSettings
from tagging.domain.schedule import (
    EPOCH,
    Cause,
    Daily,
    EveryMinutes,
    Hourly,
    OnEvent,
    OnTag,
    Timetable,
    Weekly,
)
from tagging.domain.schedule_turns import News, Seen, Start, turn

START = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
MINUTE = dt.timedelta(minutes=1)
CALENDAR = CalendarSettings("Asia/Shanghai")
TIMETABLES: st.SearchStrategy[Timetable] = st.one_of(
    st.builds(EveryMinutes, st.integers(1, 300)),
    st.builds(Hourly, st.integers(0, 59)),
    st.builds(Daily, st.integers(0, 23), st.integers(0, 59)),
    st.builds(Weekly, st.integers(1, 7), st.integers(0, 23), st.integers(0, 59)),
)
STEPS = st.lists(
    st.one_of(st.integers(-600, 3_000), st.integers(-20, 90)).map(lambda each: each * MINUTE), max_size=12
)


def falls_on(schedule: Timetable, minute: dt.datetime) -> bool:
    """Whether a whole minute is one of the schedule's; Shanghai's clock never changes."""
    local = minute.astimezone(CALENDAR.zone)
    match schedule:
        case EveryMinutes(minutes):
            return (minute - EPOCH) // MINUTE % minutes == 0
        case Hourly(at):
            return local.minute == at
        case Daily(hour, at):
            return (local.hour, local.minute) == (hour, at)
        case Weekly(day, hour, at):
            return (local.isoweekday(), local.hour, local.minute) == (day, hour, at)
    raise AssertionError(schedule)


@given(st.dictionaries(st.sampled_from("abc"), TIMETABLES, min_size=1), STEPS, st.data())
def test_a_tag_runs_once_for_all_moments_that_passed(
    scheduled: dict[str, Timetable], steps: list[dt.timedelta], data: st.DataObject
) -> None:
    now = START
    seen: dict[str, Seen] = dict(turn(scheduled, {}, now, CALENDAR, None).marks)
    for step in steps:
        before, now = now, now + step
        found = turn(scheduled, seen, now, CALENDAR, None)
        if data.draw(st.booleans(), label="dies before the commit"):
            now = before  # nothing was stored, nothing started; the clock is read again
            continue
        seen |= found.marks
        passed = [before + number * MINUTE for number in range(1, int((now - before) / MINUTE) + 1)]
        wanted = {tag for tag, each in scheduled.items() if any(falls_on(each, at) for at in passed)}
        started = {tag for each in found.starts for tag in each.tag_ids}
        assert started == wanted
        assert len(found.starts) == bool(wanted)
        assert turn(scheduled, seen, now, CALENDAR, None).marks == {}


def test_a_new_or_changed_schedule_waits_for_its_next_moment() -> None:
    first = turn({"a": Hourly(0)}, {}, START, CALENDAR, None)
    assert (set(first.marks), first.starts) == ({"a"}, ())
    changed = turn({"a": Hourly(1)}, first.marks, START + 61 * MINUTE, CALENDAR, None)
    assert (set(changed.marks), changed.starts) == ({"a"}, ())
    (start,) = turn({"a": Hourly(1)}, changed.marks, START + 121 * MINUTE, CALENDAR, None).starts
    assert start == Start(Cause.SCHEDULE, "hourly 1, due 2026-03-10T06:01:00+00:00", ("a",))


def test_what_is_due_together_is_one_run() -> None:
    scheduled = {"a": Daily(13, 0), "b": EveryMinutes(60), "c": Daily(14, 0)}
    seen = turn(scheduled, {}, START, CALENDAR, None).marks
    (start,) = turn(scheduled, seen, START + 60 * MINUTE, CALENDAR, None).starts
    assert start.tag_ids == ("a", "b")
    assert "daily 13:00, due" in start.because
    assert "every minutes 60, due" in start.because


def test_news_start_a_run_by_type_and_by_tag() -> None:
    scheduled = {"a": OnEvent("search"), "b": OnEvent("order_paid"), "c": OnTag("a"), "d": OnTag("a")}
    seen = turn(scheduled, {}, START, CALENDAR, News(7, 9)).marks
    assert turn(scheduled, seen, START, CALENDAR, None).starts == ()  # not looked at this time
    news = News(8, 12, {7: frozenset({"search"})}, {9: frozenset({"a", "x"})})
    found = turn(scheduled, seen, START, CALENDAR, news)
    assert found.starts == (Start(Cause.EVENT, "search", ("a",)), Start(Cause.TAG, "a", ("c", "d")))
    assert {tag: each.mark for tag, each in found.marks.items()} == {"a": 8, "b": 8, "c": 12, "d": 12}
    quiet = News(8, 12, {8: frozenset()}, {12: frozenset()})
    assert turn(scheduled, found.marks, START, CALENDAR, quiet).starts == ()
