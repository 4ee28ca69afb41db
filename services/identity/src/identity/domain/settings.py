"""What a tenant fixes for all services."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from identity.domain.consents import ALWAYS_SENSITIVE

MAX_CALENDAR_PERIODS = 500
MAX_PERIOD_NAME_CHARS = 64
MAX_RETENTION_DAYS = 36_500
MAX_SENSITIVE_PURPOSES = 50
_PURPOSE = re.compile(r"[a-z0-9_]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """A named period: from `start` up to and without `end`, RFC 3339 with or without a zone (the tenant's
    then).
    """

    name: str
    start: str
    end: str


@dataclass(frozen=True)
class TenantSettings:
    """`week_start` 1 is Monday; `event_retention_days` 0 keeps events for good; `sensitive_purposes` need a consent of
    their own, beside those that always do (domain/consents.py)."""

    time_zone: str = "Asia/Shanghai"
    week_start: int = 1
    currency: str = "CNY"
    calendar: tuple[CalendarPeriod, ...] = ()
    event_retention_days: int = 0
    sensitive_purposes: tuple[str, ...] = ()

    @property
    def sensitive(self) -> frozenset[str]:
        """Every purpose that needs a consent of its own."""
        return ALWAYS_SENSITIVE | frozenset(self.sensitive_purposes)


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A setting that breaks its limits."""

    field: str
    problem: str


def first_problem(settings: TenantSettings) -> SettingProblem | None:
    """What is wrong with settings, None when nothing is."""
    try:
        zone = ZoneInfo(settings.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return SettingProblem("settings.time_zone", "is no IANA time zone, for example Asia/Shanghai")
    if not 1 <= settings.week_start <= 7:
        return SettingProblem("settings.week_start", "is not between 1 (Monday) and 7 (Sunday)")
    if not _CURRENCY.fullmatch(settings.currency):
        return SettingProblem(
            "settings.currency", "is not an ISO 4217 code of three capital letters, for example CNY"
        )
    if not 0 <= settings.event_retention_days <= MAX_RETENTION_DAYS:
        return SettingProblem("settings.event_retention_days", f"is not between 0 and {MAX_RETENTION_DAYS}")
    if len(settings.calendar) > MAX_CALENDAR_PERIODS:
        return SettingProblem(
            "settings.calendar", f"has {len(settings.calendar)} periods, the limit is {MAX_CALENDAR_PERIODS}"
        )
    if len(settings.sensitive_purposes) > MAX_SENSITIVE_PURPOSES:
        return SettingProblem(
            "settings.sensitive_purposes",
            f"has more than {MAX_SENSITIVE_PURPOSES} purposes, which is the limit",
        )
    for index, purpose in enumerate(settings.sensitive_purposes):
        if not _PURPOSE.fullmatch(purpose):
            return SettingProblem(
                f"settings.sensitive_purposes[{index}]", "is not 1 to 64 characters of a-z, 0-9 and _"
            )
    names: set[str] = set()
    for index, period in enumerate(settings.calendar):
        problem = _period_problem(period, zone, names)
        if problem:
            return SettingProblem(f"settings.calendar[{index}].{problem.field}", problem.problem)
        names.add(period.name)
    return None


def _period_problem(period: CalendarPeriod, zone: ZoneInfo, names: set[str]) -> SettingProblem | None:
    if not 1 <= len(period.name) <= MAX_PERIOD_NAME_CHARS:
        return SettingProblem("name", f"has {len(period.name)} characters, not 1 to {MAX_PERIOD_NAME_CHARS}")
    if period.name in names:
        return SettingProblem("name", "is taken by an earlier period")
    moments: list[datetime] = []
    for field, text in (("start", period.start), ("end", period.end)):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:
            return SettingProblem(field, "is not an RFC 3339 time, for example 2026-11-01T00:00:00")
        moments.append(moment if moment.tzinfo else moment.replace(tzinfo=zone))
    if moments[0] >= moments[1]:
        return SettingProblem("end", "is not after start")
    return None
