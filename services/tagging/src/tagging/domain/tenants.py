"""What a tenant fixes for its rules, and the day that its windows stand at."""

import datetime as dt
from dataclasses import dataclass, field
from functools import lru_cache
from zoneinfo import ZoneInfo

from rules.calendars import Calendar, Period, Stated, Year, mainland_china
from rules.windows import CalendarSettings


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """A named period of the tenant's year; start and end as identity states them, RFC 3339."""

    name: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """identity's settings. `periods` and `years` are the tenant's own, beside the shipped ones; `event_retention_days`
    0 keeps events for good."""

    time_zone: str = "Asia/Shanghai"
    week_start: int = 1
    currency: str = "CNY"
    periods: tuple[CalendarPeriod, ...] = ()
    event_retention_days: int = 0
    years: tuple[Year, ...] = ()

    @property
    def calendar(self) -> CalendarSettings:
        """What rules need: zone, week, named periods and workdays."""
        return _calendar(self.time_zone, self.week_start, self.periods, self.years)


@lru_cache(maxsize=1_024)
def _calendar(
    time_zone: str, week_start: int, periods: tuple[CalendarPeriod, ...], years: tuple[Year, ...]
) -> CalendarSettings:
    """The shipped calendar with a tenant's own. The same object for the same settings: many compare it."""
    whole = mainland_china()
    if periods or years:
        zone = ZoneInfo(time_zone)
        whole = whole.with_own(Calendar.of(Stated(years, tuple(_period(each, zone) for each in periods))))
    return CalendarSettings(time_zone, week_start, whole.periods, whole.workdays)


def _period(said: CalendarPeriod, zone: ZoneInfo) -> Period:
    """Where one end alone names a zone, the other is in the tenant's."""
    start, end = dt.datetime.fromisoformat(said.start), dt.datetime.fromisoformat(said.end)
    if (start.tzinfo is None) != (end.tzinfo is None):
        start, end = (each if each.tzinfo else each.replace(tzinfo=zone) for each in (start, end))
    return Period(said.name, start, end)


@dataclass(frozen=True, slots=True)
class Tenant:
    """`day` is the tenant's day that day windows of all columns end with, until the next one is rolled."""

    name: str
    day: dt.date
    settings: TenantSettings = field(default_factory=TenantSettings)
