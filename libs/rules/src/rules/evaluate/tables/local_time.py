"""The tenant's clock in the engine, without the engine's own time zones.

The offsets come from Python's time zone data, as in `rules.windows`, and go into the query as numbers:
two releases of the time zone database can then never disagree within one rule.
"""

import datetime as dt
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from rules.evaluate.setting import Setting

from .exact import floor_divide, microseconds

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
SECOND_US = 1_000_000
HOUR_US = 3600 * SECOND_US
DAY_US = 24 * HOUR_US
FIRST_YEAR = 1900  # earlier moments have the offset of its first day
YEARS_AHEAD = 100  # of as_of; later moments have the offset of its last day
_DAY = dt.timedelta(days=1)


def epoch_us(moment: dt.datetime) -> int:
    return (moment - EPOCH) // dt.timedelta(microseconds=1)


def local_us(moment: Any, setting: Setting) -> Any:
    """Microseconds of the tenant's wall clock since 1970-01-01T00:00."""
    utc = microseconds(moment)
    last_year = min(setting.as_of.year + YEARS_AHEAD, dt.MAXYEAR - 1)
    return utc + _offset(utc, transitions(setting.calendar.time_zone, FIRST_YEAR, last_year))


def local_day_number(moment: Any, setting: Setting) -> Any:
    """The tenant's day of a moment, as days since 1970-01-01."""
    return floor_divide(local_us(moment, setting), DAY_US)


def _offset(utc: Any, steps: tuple[tuple[int, int], ...]) -> Any:
    """A tree of comparisons: as deep as the logarithm of the number of steps."""
    import ibis

    if len(steps) == 1:
        return ibis.literal(steps[0][1], type="int64")
    middle = len(steps) // 2
    later = utc >= ibis.literal(steps[middle][0], type="int64")
    return later.ifelse(_offset(utc, steps[middle:]), _offset(utc, steps[:middle]))


@lru_cache(maxsize=64)
def transitions(time_zone: str, first_year: int, last_year: int) -> tuple[tuple[int, int], ...]:
    """(from epoch microsecond, offset in microseconds), in order; the first holds since ever.

    Looks at every day's start, then halves the days between which the offset changes; two changes within
    one day would be missed (no zone has had them).
    """
    zone = ZoneInfo(time_zone)
    day = dt.datetime(first_year, 1, 1, tzinfo=dt.UTC)
    end = dt.datetime(last_year + 1, 1, 1, tzinfo=dt.UTC)
    offset = _offset_us(day, zone)
    steps = [(epoch_us(day), offset)]
    while day < end:
        after = day + _DAY
        if (next_offset := _offset_us(after, zone)) != offset:
            steps.append((epoch_us(_change(day, after, zone)), next_offset))
            offset = next_offset
        day = after
    return tuple(steps)


def _change(before: dt.datetime, after: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """The first moment (to the second) with the offset that `after` has."""
    second = dt.timedelta(seconds=1)
    target = _offset_us(after, zone)
    while after - before > second:
        middle = before + (after - before) // 2
        middle = middle.replace(microsecond=0)
        if _offset_us(middle, zone) == target:
            after = middle
        else:
            before = middle
    return after


def _offset_us(moment: dt.datetime, zone: ZoneInfo) -> int:
    offset = moment.astimezone(zone).utcoffset()
    assert offset is not None
    return offset // dt.timedelta(microseconds=1)
