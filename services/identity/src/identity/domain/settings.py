"""What a tenant fixes for all services."""

import re
from dataclasses import dataclass
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from identity.domain.calendar import CalendarPeriod, CalendarYear, SettingProblem, calendar_problem
from identity.domain.consents import ALWAYS_SENSITIVE

MAX_RETENTION_DAYS = 36_500
MAX_SENSITIVE_PURPOSES = 50
_PURPOSE = re.compile(r"[a-z0-9_]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")


@dataclass(frozen=True)
class TenantSettings:
    """`week_start` 1 is Monday; `calendar` and `years` are the tenant's own, beside the shipped ones;
    `event_retention_days` 0 keeps events for good; `sensitive_purposes` need a consent of
    their own, beside those that always do (domain/consents.py)."""

    time_zone: str = "Asia/Shanghai"
    week_start: int = 1
    currency: str = "CNY"
    calendar: tuple[CalendarPeriod, ...] = ()
    event_retention_days: int = 0
    sensitive_purposes: tuple[str, ...] = ()
    years: tuple[CalendarYear, ...] = ()

    @property
    def sensitive(self) -> frozenset[str]:
        """Every purpose that needs a consent of its own."""
        return ALWAYS_SENSITIVE | frozenset(self.sensitive_purposes)


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
    return calendar_problem(settings.calendar, settings.years, zone)
