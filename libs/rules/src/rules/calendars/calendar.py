"""A calendar as people state it, year by year, and as rules read it."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from .periods import CalendarInvalid, Period, Periods
from .workdays import Workdays

FIRST_YEAR, LAST_YEAR = 1800, 2200


@dataclass(frozen=True, slots=True)
class Holiday:
    """Days off from `first` to `last`, both included. `name` without its year: `spring-festival`."""

    name: str
    first: dt.date
    last: dt.date


@dataclass(frozen=True, slots=True)
class Year:
    """A year whose workdays are settled. `worked`: days of a weekend that are worked."""

    year: int
    holidays: tuple[Holiday, ...] = ()
    worked: tuple[dt.date, ...] = ()

    def __post_init__(self) -> None:
        """Raises CalendarInvalid."""
        where = f"years.{self.year}"
        if not FIRST_YEAR <= self.year <= LAST_YEAR:
            raise CalendarInvalid(f"years: '{self.year}' is no year from {FIRST_YEAR} to {LAST_YEAR}")
        for each in self.holidays:
            here = f"{where}.holidays.{each.name}"
            if each.first > each.last:
                raise CalendarInvalid(f"{here} is not one day, or the first and the last")
            if {each.first.year, each.last.year} - {self.year - 1, self.year, self.year + 1}:
                raise CalendarInvalid(f"{here} lies in another year")
        for day in self.worked:
            if day.year != self.year:
                raise CalendarInvalid(f"{where}.worked: {day} lies in another year")


@dataclass(frozen=True, slots=True)
class Stated:
    """What a calendar says: years by themselves, then periods that are no holidays."""

    years: tuple[Year, ...] = ()
    periods: tuple[Period, ...] = ()
    weekend: frozenset[int] = field(default=frozenset({6, 7}))


@dataclass(frozen=True, slots=True)
class Calendar:
    """A holiday is a period, too, named with its year: `spring-festival-2026`."""

    periods: Periods
    workdays: Workdays

    @staticmethod
    def of(stated: Stated) -> "Calendar":
        """Raises CalendarInvalid."""
        named = [
            (f"{each.name}-{year.year}", each.first, each.last)
            for year in stated.years
            for each in year.holidays
        ]
        workdays = Workdays(
            frozenset(each.year for each in stated.years),
            frozenset(day for _, first, last in named for day in _between(first, last)),
            frozenset(day for year in stated.years for day in year.worked),
            stated.weekend,
        )
        _require_once(each.year for each in stated.years)
        return Calendar(Periods((*(Period.of_days(*each) for each in named), *stated.periods)), workdays)

    def with_own(self, own: "Calendar") -> "Calendar":
        """With a tenant's own: a period replaces the one of its name, a year the days of that year. Raises
        CalendarInvalid."""
        return Calendar(self.periods.with_own(own.periods.all), self.workdays.with_own(own.workdays))


def _require_once(years: Iterable[int]) -> None:
    seen: set[int] = set()
    for year in years:
        if year in seen:
            raise CalendarInvalid(f"the year {year} is stated twice; put its days together")
        seen.add(year)


def _between(first: dt.date, last: dt.date) -> Sequence[dt.date]:
    return [dt.date.fromordinal(number) for number in range(first.toordinal(), last.toordinal() + 1)]
