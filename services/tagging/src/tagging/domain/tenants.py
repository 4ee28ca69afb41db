"""What a tenant fixes for its rules, and the day that its windows stand at."""

import datetime as dt
from dataclasses import dataclass, field

from rules.windows import CalendarSettings


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """A named period of the tenant's year; start and end as identity states them, RFC 3339."""

    name: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class TenantSettings:
    """identity's settings. `event_retention_days` 0 keeps events for good."""

    time_zone: str = "Asia/Shanghai"
    week_start: int = 1
    currency: str = "CNY"
    periods: tuple[CalendarPeriod, ...] = ()
    event_retention_days: int = 0

    @property
    def calendar(self) -> CalendarSettings:
        """The settings that windows need."""
        return CalendarSettings(self.time_zone, self.week_start)


@dataclass(frozen=True, slots=True)
class Tenant:
    """`day` is the tenant's day that day windows of all columns end with, until the next one is rolled."""

    name: str
    day: dt.date
    settings: TenantSettings = field(default_factory=TenantSettings)
