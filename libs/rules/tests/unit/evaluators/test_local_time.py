"""The steps that stand in a query for a time zone say what Python's time zone data says."""

import datetime as dt
from bisect import bisect_right
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st
from rules.evaluate.tables.local_time import DAY_US, EPOCH, Steps, epoch_us, midnights, transitions
from rules.testing.people import ZONES
from rules.windows import CalendarSettings

FIRST, LAST = dt.date(1970, 1, 1), dt.date(2040, 1, 1)
MICROSECONDS = st.integers(0, (LAST - FIRST).days * DAY_US - 1)


def looked_up(steps: Steps, at: int) -> int:
    return steps[bisect_right([start for start, _ in steps], at) - 1][1]


@given(zone=st.sampled_from(ZONES), data=st.data())
def test_offsets(zone: str, data: st.DataObject) -> None:
    steps = transitions(zone, FIRST, LAST)
    edges = st.sampled_from([start for start, _ in steps]).flatmap(
        lambda at: st.sampled_from([at, max(at - 1, 0)])
    )
    at = data.draw(MICROSECONDS | edges)
    moment = EPOCH + dt.timedelta(microseconds=at)
    offset = moment.astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    assert looked_up(steps, at) == offset // dt.timedelta(microseconds=1)


@given(zone=st.sampled_from(ZONES), day=st.dates(FIRST, LAST - dt.timedelta(days=1)))
def test_midnights(zone: str, day: dt.date) -> None:
    number = (day - FIRST).days
    start = number * DAY_US - looked_up(midnights(zone, FIRST, LAST), number)
    assert start == epoch_us(CalendarSettings(zone).midnight(day))
