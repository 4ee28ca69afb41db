"""A tenant's own calendar: named periods, and years with their workdays."""

from dataclasses import dataclass
from datetime import MAXYEAR, MINYEAR, UTC, date, datetime
from zoneinfo import ZoneInfo

MAX_PERIODS = 500
"""Holidays included, which are periods, too."""
MAX_PERIOD_NAME_CHARS = 64
MAX_YEARS = 10
MAX_HOLIDAY_NAME_CHARS = MAX_PERIOD_NAME_CHARS - len("-2026")
MAX_DAYS = 366
"""Days off and worked of one year."""
FIRST_YEAR, LAST_YEAR = 1800, 2200
_SATURDAY = 6


@dataclass(frozen=True, slots=True)
class CalendarPeriod:
    """A named period: from `start` up to and without `end`, RFC 3339 with or without a zone (the tenant's
    then).
    """

    name: str
    start: str
    end: str


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days off from `first_day` to `last_day`, both included; the name is without the year."""

    name: str
    first_day: str
    last_day: str


@dataclass(frozen=True, slots=True)
class CalendarYear:
    """The workdays of a year; `worked_days` are Saturdays and Sundays that are worked."""

    year: int
    holidays: tuple[Holiday, ...] = ()
    worked_days: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SettingProblem:
    """A setting that breaks its limits."""

    field: str
    problem: str

    def within(self, field: str) -> "SettingProblem":
        """The same, seen from outside."""
        return SettingProblem(f"{field}.{self.field}", self.problem)


def calendar_problem(
    periods: tuple[CalendarPeriod, ...], years: tuple[CalendarYear, ...], zone: ZoneInfo
) -> SettingProblem | None:
    """What is wrong with a calendar, None when nothing is."""
    count = len(periods) + sum(len(each.holidays) for each in years)
    if count > MAX_PERIODS:
        too_many = f"has {count} periods with the holidays of all years, the limit is {MAX_PERIODS}"
        return SettingProblem("settings.calendar", too_many)
    if len(years) > MAX_YEARS:
        return SettingProblem("settings.years", f"has {len(years)} years, the limit is {MAX_YEARS}")
    names: set[str] = set()
    for index, period in enumerate(periods):
        if problem := _period_problem(period, zone, names):
            return problem.within(f"settings.calendar[{index}]")
        names.add(period.name)
    seen: set[int] = set()
    off: set[date] = set()
    for index, year in enumerate(years):
        if problem := _year_problem(year, seen, names, off):
            return problem.within(f"settings.years[{index}]")
        seen.add(year.year)
        names |= {f"{each.name}-{year.year}" for each in year.holidays}
    for index, year in enumerate(years):
        for place, text in enumerate(year.worked_days):
            if said := _worked_problem(text, year.year, off):
                return SettingProblem(f"settings.years[{index}].worked_days[{place}]", said)
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
        try:
            moments.append((moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC))
        except OverflowError:
            return SettingProblem(field, f"lies outside the years {MINYEAR} to {MAXYEAR} in UTC")
    if moments[0] >= moments[1]:
        return SettingProblem("end", "is not after start")
    return None


def _year_problem(
    year: CalendarYear, seen: set[int], names: set[str], off: set[date]
) -> SettingProblem | None:
    """Of its holidays, whose days are added to `off`."""
    if not FIRST_YEAR <= year.year <= LAST_YEAR:
        return SettingProblem("year", f"is not between {FIRST_YEAR} and {LAST_YEAR}")
    if year.year in seen:
        return SettingProblem("year", "is taken by an earlier one: put its days together")
    taken, before = set(names), len(off)
    for index, holiday in enumerate(year.holidays):
        if problem := _holiday_problem(holiday, year.year, taken, off):
            return problem.within(f"holidays[{index}]")
        taken.add(f"{holiday.name}-{year.year}")
    if len(off) - before + len(year.worked_days) > MAX_DAYS:
        return SettingProblem(
            "holidays", f"and worked days are more than {MAX_DAYS} days, which is the limit"
        )
    return None


def _holiday_problem(holiday: Holiday, year: int, names: set[str], off: set[date]) -> SettingProblem | None:
    if not 1 <= len(holiday.name) <= MAX_HOLIDAY_NAME_CHARS:
        return SettingProblem(
            "name", f"has {len(holiday.name)} characters, not 1 to {MAX_HOLIDAY_NAME_CHARS}"
        )
    if f"{holiday.name}-{year}" in names:
        return SettingProblem("name", "is taken by an earlier period or holiday")
    days = [_day(text) for text in (holiday.first_day, holiday.last_day)]
    for field, day in zip(("first_day", "last_day"), days, strict=True):
        if day is None:
            return SettingProblem(field, "is no day, for example 2027-02-05")
        if abs(day.year - year) > 1:
            return SettingProblem(field, f"lies in another year than {year}")
    first, last = days
    assert first is not None
    assert last is not None
    if first > last:
        return SettingProblem("last_day", "is before first_day")
    if not first.year <= year <= last.year:
        return SettingProblem(
            "first_day", f"begins a holiday without a day of {year}; put it into its own year"
        )
    off |= {date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)}
    return None


def _worked_problem(text: str, year: int, off: set[date]) -> str | None:
    day = _day(text)
    if day is None:
        return "is no day, for example 2027-02-14"
    if day.year != year:
        return f"lies in another year than {year}"
    if day.isoweekday() < _SATURDAY:
        return "is worked anyway: it is no Saturday or Sunday; leave it out"
    return "is a holiday, too: leave one out" if day in off else None


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
