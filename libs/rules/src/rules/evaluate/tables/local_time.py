"""The tenant's clock in the engine, without the engine's own time zones.

The offsets come from Python's time zone data, as in `rules.windows`, and go into the query as numbers:
two releases of the time zone database can then never disagree within one rule.
"""

import datetime as dt
from functools import lru_cache
from hashlib import blake2s
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

from rules.evaluate.setting import Setting
from rules.windows import CalendarSettings, Interval

from .exact import defined_function, floor_divide, microseconds

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
FIRST_DAY = EPOCH.date()  # earlier moments have its offset
YEARS_AHEAD = 50  # of as_of; later moments have the last offset before
_DAY = dt.timedelta(days=1)
_MICROSECOND = dt.timedelta(microseconds=1)
Steps: TypeAlias = tuple[tuple[int, int], ...]  # (from, value), in order; the first holds since ever


def epoch_us(moment: dt.datetime) -> int:
    return (moment - EPOCH) // _MICROSECOND


def local_us(moment: Any, setting: Setting, within: Interval | None = None) -> Any:
    """Microseconds of the tenant's wall clock since 1970-01-01T00:00.

    `within` bounds the moments where they are known to lie: the fewer changes of the clock, the faster.
    """
    utc = microseconds(moment)
    first, last = FIRST_DAY, _last_day(setting)
    if within is not None:
        last = (within.end + _DAY).date()
        first = within.start.date() if within.start is not None else min(FIRST_DAY, last)
    return utc + _step(utc, transitions(setting.calendar.time_zone, first, last))


def local_day_number(moment: Any, setting: Setting) -> Any:
    """The tenant's day of a moment, as days since 1970-01-01."""
    return floor_divide(local_us(moment, setting), DAY_US)


def _step(at: Any, steps: Steps) -> Any:
    """The value of the step that `at` is in."""
    import ibis

    if len(steps) == 1:
        return ibis.literal(steps[0][1], type="int64")
    return _step_function(steps)(at)


@lru_cache(maxsize=64)
def _step_function(steps: Steps) -> Any:
    """Named by its steps. As expressions of Ibis they would be most of what it has to compile."""
    name = f"rules_step_{blake2s(repr(steps).encode(), digest_size=8).hexdigest()}"
    return defined_function(name, f"CREATE TEMP MACRO IF NOT EXISTS {name}(at_) AS {_cases(steps)}")


def _cases(steps: Steps) -> str:
    """Comparisons as deep as the logarithm of the number of steps."""
    if len(steps) == 1:
        return f"{steps[0][1]}::BIGINT"
    middle = len(steps) // 2
    later, before = _cases(steps[middle:]), _cases(steps[:middle])
    return f"CASE WHEN at_ >= {steps[middle][0]} THEN {later} ELSE {before} END"


def midnight_us(day_number: Any, setting: Setting) -> Any:
    """The start of the tenant's day in microseconds since 1970-01-01T00:00Z."""
    last = _last_day(setting)
    return day_number * DAY_US - _step(day_number, midnights(setting.calendar.time_zone, FIRST_DAY, last))


@lru_cache(maxsize=64)
def midnights(time_zone: str, first: dt.date, last: dt.date) -> Steps:
    """(from day number, offset of that day's start in microseconds), in order; `last` is not among them.

    Only the days about a change of the clock are looked at: between them the offset stays.
    """
    calendar = CalendarSettings(time_zone)
    start, end = ((each - FIRST_DAY).days for each in (first, last))
    looked_at = {start} if start < end else set()
    for year in range(max(first.year - 1, dt.MINYEAR), last.year + 1):
        for moment, _ in _changes(time_zone, year):
            day = moment // DAY_US
            looked_at.update(each for each in range(day - 1, day + 3) if start <= each < end)
    steps: list[tuple[int, int]] = []
    for number in sorted(looked_at):
        offset = number * DAY_US - epoch_us(calendar.midnight(FIRST_DAY + number * _DAY))
        if not steps or steps[-1][1] != offset:
            steps.append((number, offset))
    return tuple(steps)


@lru_cache(maxsize=64)
def transitions(time_zone: str, first: dt.date, last: dt.date) -> Steps:
    """(from epoch microsecond, offset in microseconds), in order."""
    start, end = (
        epoch_us(dt.datetime.combine(each, dt.time(), dt.UTC)) for each in (first, max(first, last))
    )
    offset = _offset(dt.datetime.combine(first, dt.time(), dt.UTC), ZoneInfo(time_zone))
    changes = (each for year in range(first.year, last.year + 1) for each in _changes(time_zone, year))
    return (start, offset // _MICROSECOND), *(each for each in changes if start < each[0] <= end)


@lru_cache(maxsize=8192)
def _changes(time_zone: str, year: int) -> Steps:
    """Those of a year in UTC.

    Looks at every day's start, then halves the days between which the offset changes; two changes within
    one day would be missed (no zone has had them).
    """
    zone = ZoneInfo(time_zone)
    days = (dt.date(year, 12, 31) - dt.date(year, 1, 1)).days + (year < dt.MAXYEAR)
    day = dt.datetime(year, 1, 1, tzinfo=dt.UTC)
    offset = day.astimezone(zone).utcoffset()
    changes = []
    for _ in range(days):
        after = day + _DAY
        if (next_offset := after.astimezone(zone).utcoffset()) != offset:
            assert next_offset is not None
            changes.append((epoch_us(_change(day, after, zone)), next_offset // _MICROSECOND))
            offset = next_offset
        day = after
    return tuple(changes)


def _last_day(setting: Setting) -> dt.date:
    return dt.date(min(setting.as_of.year + YEARS_AHEAD, dt.MAXYEAR), 1, 1)


def _change(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The first moment (to the second) with the offset that `after` has."""
    second = dt.timedelta(seconds=1)
    target = _offset(after, zone)
    while after - before > second:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _offset(middle, zone) == target:
            after = middle
        else:
            before = middle
    return after


def _offset(moment: dt.datetime, zone: ZoneInfo) -> dt.timedelta:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset
