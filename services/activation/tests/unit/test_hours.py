"""Hours in zones: what is open, until when, and when what waits is due."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from activation.domain.hours import (
    JITTER_S,
    Hours,
    Opening,
    Window,
    end_of_day,
    jittered,
    local_day,
    opening,
    zone_of,
)
from hypothesis import assume, given
from hypothesis import strategies as st

SHANGHAI = ZoneInfo("Asia/Shanghai")
DAY = Hours(8 * 60, 21 * 60)
ZONES = st.sampled_from(
    ["Asia/Shanghai", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Pacific/Apia", "Asia/Urumqi"]
).map(ZoneInfo)
HOURS = st.tuples(st.integers(0, 1_439), st.integers(1, 1_440)).filter(lambda h: h[0] < h[1])
WINDOWS = st.lists(
    st.builds(Window, HOURS.map(lambda h: Hours(*h)), ZONES), min_size=1, max_size=3, unique_by=id
)
MOMENTS = st.integers(0, 4 * 365 * 86_400_000).map(
    lambda ms: datetime(2024, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


def at(text: str, zone: ZoneInfo = SHANGHAI) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


def is_open(window: Window, moment: datetime) -> bool:
    local = moment.astimezone(window.zone)
    return window.hours.start <= local.hour * 60 + local.minute < window.hours.end


def test_open_now_until_the_window_ends() -> None:
    now = at("2026-06-11T20:59:58")
    found = opening([Window(DAY, SHANGHAI)], now)
    assert found == Opening(at("2026-06-11T08:00"), at("2026-06-11T21:00"))


def test_after_the_window_the_next_day_opens() -> None:
    found = opening([Window(DAY, SHANGHAI)], at("2026-06-11T21:00"))
    assert found == Opening(at("2026-06-12T08:00"), at("2026-06-12T21:00"))


def test_two_zones_are_open_where_they_meet() -> None:
    new_york = ZoneInfo("America/New_York")
    windows = [Window(DAY, new_york), Window(Hours(8 * 60, 22 * 60), SHANGHAI)]
    found = opening(windows, at("2026-06-11T12:00"))
    assert found == Opening(at("2026-06-11T20:00"), at("2026-06-11T22:00"))


def test_summer_time_moves_the_hours_with_the_clocks_on_the_wall() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    before, after = at("2026-03-28T22:00", berlin), at("2026-03-29T22:00", berlin)
    first, second = (opening([Window(DAY, berlin)], now) for now in (before, after))
    assert first == Opening(at("2026-03-29T08:00", berlin), at("2026-03-29T21:00", berlin))
    assert second is not None
    assert second.start - first.start == timedelta(days=1)
    assert first.start - before == timedelta(hours=9)
    at_the_gap = opening([Window(Hours(150, 270), berlin)], at("2026-03-29T00:00", berlin))
    assert at_the_gap is not None
    assert at_the_gap.start.astimezone(berlin).hour == 3


def test_windows_that_never_meet_have_no_opening() -> None:
    apart = [Window(Hours(0, 60), SHANGHAI), Window(Hours(600, 660), SHANGHAI)]
    assert opening(apart, at("2026-06-11T12:00")) is None


def test_without_windows_it_is_always_open() -> None:
    now = at("2026-06-11T03:00")
    found = opening([], now)
    assert found is not None
    assert found.start <= now < found.end


@given(WINDOWS, MOMENTS)
def test_an_opening_is_the_first_in_which_every_window_is_open(windows: list[Window], now: datetime) -> None:
    found = opening(windows, now)
    assume(found is not None)
    assert now < found.end
    begins = max(now, found.start)
    around = [begins - timedelta(days=4), begins + timedelta(days=2)]
    assume(all(len({moment.astimezone(each.zone).utcoffset() for moment in around}) == 1 for each in windows))
    for moment in (begins, found.end - timedelta(microseconds=1)):
        assert all(is_open(each, moment) for each in windows)
    minutes = int((begins - now).total_seconds() // 60)
    for minute in range(0, min(minutes, 2_880), 7):
        assert not all(is_open(each, now + timedelta(minutes=minute)) for each in windows)


@given(WINDOWS, MOMENTS, st.text("0123456789abcdef", min_size=32, max_size=32))
def test_what_waits_is_due_inside_the_opening_and_soon_after_it_begins(
    windows: list[Window], now: datetime, row: str
) -> None:
    opens = opening(windows, now)
    if opens is None:
        return
    due = jittered(opens, row)
    assert opens.start <= due < opens.end
    assert due - opens.start <= timedelta(seconds=JITTER_S)
    assert due == jittered(opens, row)


def test_waiting_rows_are_spread_over_half_an_hour() -> None:
    opens = Opening(at("2026-06-11T08:00"), at("2026-06-11T21:00"))
    waits = sorted((jittered(opens, f"row {each}") - opens.start).total_seconds() for each in range(1_000))
    assert waits[0] < 30
    assert waits[-1] > JITTER_S - 30
    assert abs(waits[500] - JITTER_S / 2) < JITTER_S / 10


def test_the_day_is_the_zones_own_and_ends_at_its_midnight() -> None:
    now = at("2026-06-11T23:30")
    assert local_day(SHANGHAI, now) == date(2026, 6, 11)
    assert end_of_day(SHANGHAI, now) == at("2026-06-12T00:00")
    assert local_day(ZoneInfo("Europe/Berlin"), now) == date(2026, 6, 11)
    assert local_day(ZoneInfo("Pacific/Apia"), now) == date(2026, 6, 12)


def test_a_zone_that_is_none_is_shanghai_and_never_utc() -> None:
    assert {zone_of(name).key for name in ("", "Mars/Olympus", "../etc/passwd", "Asia/Shanghai")} == {
        "Asia/Shanghai"
    }
    assert zone_of("America/New_York").key == "America/New_York"
