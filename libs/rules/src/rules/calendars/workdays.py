"""Which days are worked: weekends, holidays, and weekend days worked instead (调休)."""

import datetime as dt
from dataclasses import dataclass

from .periods import CalendarInvalid

MAX_DAYS = 5_000


@dataclass(frozen=True, slots=True)
class Workdays:
    """years: those whose days are settled; of a day of any other year nobody knows. Empty: a calendar without workdays
    holidays: days off, weekend days among them or not
    worked: days of a weekend that are worked
    weekend: ISO weekdays, 1 = Monday to 7 = Sunday
    """

    years: frozenset[int] = frozenset()
    holidays: frozenset[dt.date] = frozenset()
    worked: frozenset[dt.date] = frozenset()
    weekend: frozenset[int] = frozenset({6, 7})

    def __post_init__(self) -> None:
        """Raises CalendarInvalid."""
        if not self.weekend <= frozenset(range(1, 8)) or len(self.weekend) == 7:
            raise CalendarInvalid("a weekend has some of the days 1 (Monday) to 7 (Sunday), not all")
        if len(self.holidays) + len(self.worked) > MAX_DAYS:
            raise CalendarInvalid(f"the calendar names more than {MAX_DAYS} days, which is the limit")
        for day in sorted(self.holidays & self.worked):
            raise CalendarInvalid(f"{day} is both a holiday and worked; leave out one")
        for day in sorted(self.worked):
            if day.isoweekday() not in self.weekend:
                raise CalendarInvalid(f"{day} is worked anyway: it is no day of a weekend; leave it out")

    def is_workday(self, day: dt.date) -> bool | None:
        """None when the day's year is not settled."""
        if day.year not in self.years:
            return None
        return day in self.worked or not (day.isoweekday() in self.weekend or day in self.holidays)

    def with_own(self, own: "Workdays") -> "Workdays":
        """With a tenant's own: days of the years that it settles are as it says. Raises CalendarInvalid."""
        holidays, worked = (
            {each for each in days if each.year not in own.years} for days in (self.holidays, self.worked)
        )
        return Workdays(
            self.years | own.years,
            frozenset(holidays | own.holidays),
            frozenset(worked - own.holidays | own.worked),
            self.weekend,
        )

    def stretches(self) -> tuple[tuple[dt.date, dt.date], ...]:
        """(first, last) of every run of settled years, in order."""
        found: list[tuple[int, int]] = []
        for year in sorted(self.years):
            if found and found[-1][1] == year - 1:
                found[-1] = (found[-1][0], year)
            else:
                found.append((year, year))
        return tuple((dt.date(first, 1, 1), dt.date(last, 12, 31)) for first, last in found)
