"""Calendars as files: YAML in, checked periods and workdays out. The form is that of `mainland_china.yaml`."""

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from .periods import CalendarInvalid, Period, Periods
from .workdays import Workdays

MAX_CHARACTERS = 200_000
_SECTIONS = {"weekend", "years", "periods"}
_OF_A_YEAR = {"holidays", "worked"}


@dataclass(frozen=True, slots=True)
class Calendar:
    """A holiday is a period, too, named with its year: `spring-festival-2026`."""

    periods: Periods
    workdays: Workdays


@cache
def mainland_china() -> Calendar:
    """What is shipped: statutory holidays and adjusted workdays, 618 and double 11."""
    return read_calendar(files(__package__).joinpath("mainland_china.yaml").read_text("utf-8"))


def read_calendar(text: str) -> Calendar:
    """Raises CalendarInvalid."""
    import yaml

    if len(text) > MAX_CHARACTERS:
        raise CalendarInvalid(f"the calendar has {len(text)} characters, the limit is {MAX_CHARACTERS}")
    try:
        said = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError) as error:
        raise CalendarInvalid("the calendar is no YAML that can be read") from error
    sections = _mapping(said, "the calendar", _SECTIONS)
    years = {
        _year(name): _mapping(each, f"years.{name}", _OF_A_YEAR)
        for name, each in _mapping(sections.get("years"), "years").items()
    }
    holidays = [each for year, section in years.items() for each in _holidays(year, section)]
    worked = [
        day for year, section in years.items() for day in _days(section.get("worked"), f"years.{year}.worked")
    ]
    workdays = Workdays(
        frozenset(years),
        frozenset(day for _, first, last in holidays for day in _between(first, last)),
        frozenset(worked),
        frozenset(sections.get("weekend") or ()),
    )
    own = [_period(name, each) for name, each in _mapping(sections.get("periods"), "periods").items()]
    return Calendar(Periods((*(Period.of_days(*each) for each in holidays), *own)), workdays)


def _mapping(said: Any, where: str, names: set[str] | None = None) -> Mapping[Any, Any]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise CalendarInvalid(f"{where} is no list of names with what they stand for")
    unknown = sorted(str(each) for each in said if names is not None and each not in names)
    if names is not None and unknown:
        raise CalendarInvalid(f"{where} has no '{unknown[0]}'; it may have {', '.join(sorted(names))}")
    return said


def _year(name: Any) -> int:
    if not isinstance(name, int) or not 1800 <= name <= 2200:
        raise CalendarInvalid(f"years: '{name}' is no year from 1800 to 2200")
    return name


def _days(said: Any, where: str) -> list[dt.date]:
    found = [] if said is None else said
    if not isinstance(found, list) or any(type(each) is not dt.date for each in found):
        raise CalendarInvalid(f"{where} is no list of days such as [2026-02-15, 2026-02-23]")
    return found


def _holidays(year: int, section: Mapping[Any, Any]) -> Iterator[tuple[str, dt.date, dt.date]]:
    """(name of the period, first day, last day)."""
    for name, said in _mapping(section.get("holidays"), f"years.{year}.holidays").items():
        where = f"years.{year}.holidays.{name}"
        days = _days(said, where)
        if not 1 <= len(days) <= 2 or days[0] > days[-1]:
            raise CalendarInvalid(f"{where} is not one day, or the first and the last")
        if {each.year for each in days} - {year - 1, year, year + 1}:
            raise CalendarInvalid(f"{where} lies in another year")
        yield f"{name}-{year}", days[0], days[-1]


def _between(first: dt.date, last: dt.date) -> Iterator[dt.date]:
    for number in range(first.toordinal(), last.toordinal() + 1):
        yield dt.date.fromordinal(number)


def _period(name: Any, said: Any) -> Period:
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(each, str) for each in said):
        raise CalendarInvalid(f'periods.{name} is not ["start", "end"] with moments in quotes')
    return Period.of_texts(str(name), *said)
