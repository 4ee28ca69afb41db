"""From a window, a moment and a calendar to a half-open UTC interval [start, end) of event time.

Whole days are the tenant's. as_of is the last moment that counts: every interval ends at the latest one
microsecond after it, so an event stamped exactly as_of is in and a later one is out.
"""

import datetime as dt
from calendar import monthrange
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo

from .calendars import Periods, Workdays
from .errors import UnsupportedNode
from .tree import (
    AllTime,
    Back,
    BetweenDays,
    BetweenMoments,
    Duration,
    During,
    Last,
    Past,
    Period,
    Previous,
    Unit,
    Which,
    Window,
)

TICK = dt.timedelta(microseconds=1)
ROLLING = {Unit.MINUTE: dt.timedelta(minutes=1), Unit.HOUR: dt.timedelta(hours=1)}
_LENGTHS = {**ROLLING, Unit.DAY: dt.timedelta(days=1)}
_DAYS = {Unit.DAY: 1, Unit.WEEK: 7}
_MONTHS = {Unit.MONTH: 1, Unit.QUARTER: 3, Unit.YEAR: 12}
_FIRST_MOMENT, _LAST_MOMENT = dt.datetime.min.replace(tzinfo=dt.UTC), dt.datetime.max.replace(tzinfo=dt.UTC)


NO_PERIODS, NO_WORKDAYS = Periods(), Workdays()


@dataclass(frozen=True, slots=True)
class CalendarSettings:
    """A tenant's time zone (IANA name), the first day of its week, 1 = Monday to 7 = Sunday, and its calendar."""

    time_zone: str = "Asia/Shanghai"
    week_start: int = 1
    periods: Periods = field(default=NO_PERIODS, repr=False)
    workdays: Workdays = field(default=NO_WORKDAYS, repr=False)

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def day_of(self, moment: dt.datetime) -> dt.date:
        """The tenant's day of an aware moment."""
        return moment.astimezone(self.zone).date()

    def local(self, moment: dt.datetime) -> dt.datetime:
        """An aware moment in the tenant's time zone; in UTC where the zone has no year for it."""
        try:
            return moment.astimezone(self.zone)
        except OverflowError:
            return moment.astimezone(dt.UTC)

    def is_workday(self, moment: dt.datetime) -> bool | None:
        """Of the tenant's day of an aware moment; None when the calendar does not know."""
        return self.workdays.is_workday(self.day_of(moment))

    def midnight(self, day: dt.date) -> dt.datetime:
        """The start of a tenant's day, in UTC."""
        return self.moment(dt.datetime.combine(day, dt.time()))

    def moment(self, value: dt.datetime) -> dt.datetime:
        """In UTC; a naive value is in the tenant's time zone. What UTC has no year for is its first or last moment."""
        try:
            return (value if value.tzinfo else value.replace(tzinfo=self.zone)).astimezone(dt.UTC)
        except OverflowError:
            return _FIRST_MOMENT if value.year == dt.MINYEAR else _LAST_MOMENT


@dataclass(frozen=True, slots=True)
class Interval:
    """[start, end) in UTC; start None = since ever. Empty when start >= end."""

    start: dt.datetime | None
    end: dt.datetime

    def __contains__(self, moment: dt.datetime) -> bool:
        return (self.start is None or self.start <= moment) and moment < self.end


def interval(window: Window, as_of: dt.datetime, calendar: CalendarSettings) -> Interval:
    """The event times a window covers. as_of is aware.

    Raises UnsupportedNode for a period that the calendar does not have, ValueError for a PREVIOUS that no check has
    anchored.
    """
    start, end = _bounds(window, as_of, calendar)
    return Interval(start, min(end, as_of.astimezone(dt.UTC) + TICK))


def _bounds(
    window: Window, as_of: dt.datetime, calendar: CalendarSettings
) -> tuple[dt.datetime | None, dt.datetime]:
    now = as_of.astimezone(dt.UTC)
    today = calendar.day_of(as_of)
    tomorrow = today + dt.timedelta(days=1)
    match window:
        case AllTime():
            return None, now + TICK
        case Last(count, unit) if unit in ROLLING:
            return now - count * ROLLING[unit] + TICK, now + TICK
        case Last(count, unit):
            return calendar.midnight(back(tomorrow, count, unit)), now + TICK
        case Past(count, unit):
            return calendar.midnight(back(today, count, unit)), calendar.midnight(today)
        case Previous(count, unit, Back.LAST) if unit in ROLLING:
            length = count * ROLLING[unit]
            return now - 2 * length + TICK, now - length + TICK
        case Previous(count, unit, Back() as before):
            anchor = tomorrow if before is Back.LAST else today
            first, after = back(anchor, 2 * count, unit), back(anchor, count, unit)
            return calendar.midnight(first), calendar.midnight(after)
        case Previous():
            raise ValueError("PREVIOUS has no window to stand before; evaluate a checked rule")
        case Period():
            return _period(window, as_of, calendar)
        case BetweenDays(first, last):
            return calendar.midnight(first), calendar.midnight(last + dt.timedelta(days=1))
        case BetweenMoments(first, last):
            return calendar.moment(first), calendar.moment(last) + TICK
        case During(name):
            period = calendar.periods.find(name)
            if period is None:
                raise UnsupportedNode(
                    f"DURING '{name}', a period that the calendar does not have,", "windows"
                )
            return calendar.moment(period.start), calendar.moment(period.end)


def _period(
    window: Period, as_of: dt.datetime, calendar: CalendarSettings
) -> tuple[dt.datetime, dt.datetime]:
    today = calendar.day_of(as_of)
    this = first_day(today, window.unit, calendar)
    if window.which is Which.THIS:
        return calendar.midnight(this), calendar.midnight(back(this, -1, window.unit))
    before = back(this, 1, window.unit)
    start, end = calendar.midnight(before), calendar.midnight(this)
    if not window.to_date:
        return start, end
    clock = as_of.astimezone(calendar.zone).time()
    same_day = before + (today - this) if window.unit is Unit.WEEK else back(today, 1, window.unit)
    return start, min(end, calendar.moment(dt.datetime.combine(same_day, clock)) + TICK)


def length_of(duration: Duration) -> dt.timedelta:
    """Of WITHIN: minutes, hours, or days of 24 hours."""
    return duration.count * _LENGTHS[duration.unit]


def back(day: dt.date, count: int, unit: Unit) -> dt.date:
    """The day `count` units before (after, when negative); a month clamps to its end."""
    if unit in _DAYS:
        return day - dt.timedelta(days=count * _DAYS[unit])
    months = day.year * 12 + day.month - 1 - count * _MONTHS[unit]
    year, month = divmod(months, 12)
    return dt.date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def first_day(day: dt.date, unit: Unit, calendar: CalendarSettings) -> dt.date:
    """The first day of the week, month, quarter or year that the day is in."""
    match unit:
        case Unit.WEEK:
            return day - dt.timedelta(days=(day.isoweekday() - calendar.week_start) % 7)
        case Unit.MONTH:
            return day.replace(day=1)
        case Unit.QUARTER:
            return day.replace(month=day.month - (day.month - 1) % 3, day=1)
        case Unit.YEAR:
            return day.replace(month=1, day=1)
        case _:
            raise ValueError(f"no calendar period of a {unit.value}")
