"""Calendars as files: YAML in, checked periods and workdays out. The form is that of `mainland_china.yaml`."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Any

from .calendar import FIRST_YEAR, LAST_YEAR, Calendar, Holiday, Stated, Year
from .periods import CalendarInvalid, Period

MAX_CHARACTERS = 200_000
_SECTIONS = {"weekend", "years", "periods"}
_OF_A_YEAR = {"holidays", "worked"}


@cache
def mainland_china() -> Calendar:
    """What is shipped: statutory holidays and adjusted workdays, 618 and double 11."""
    return read_calendar(shipped_text())


def shipped_text() -> str:
    """The file that `mainland_china` is read from."""
    return files(__package__).joinpath("mainland_china.yaml").read_text("utf-8")


def read_calendar(text: str) -> Calendar:
    """Raises CalendarInvalid."""
    return Calendar.of(read_stated(text))


def read_stated(text: str) -> Stated:
    """Raises CalendarInvalid."""
    from .document import read_document

    if len(text) > MAX_CHARACTERS:
        raise CalendarInvalid(f"the calendar has {len(text)} characters, the limit is {MAX_CHARACTERS}")
    said = read_document(text)
    if said is None:
        raise CalendarInvalid("the calendar is empty; write {} for one that says nothing")
    sections = _mapping(said, "the calendar", _SECTIONS)
    years = [
        _year(name, _mapping(each, f"years.{name}", _OF_A_YEAR))
        for name, each in _mapping(sections.get("years"), "years").items()
    ]
    periods = [_period(name, each) for name, each in _mapping(sections.get("periods"), "periods").items()]
    stated = Stated(tuple(years), tuple(periods))
    weekend = sections.get("weekend")
    return stated if weekend is None else replace(stated, weekend=_weekend(weekend))


def _weekend(said: Any) -> frozenset[int]:
    if not isinstance(said, list) or any(type(each) is not int for each in said):
        raise CalendarInvalid("weekend is no list of days such as [6, 7], 1 for Monday to 7 for Sunday")
    return frozenset(said)


def _mapping(said: Any, where: str, names: set[str] | None = None) -> Mapping[Any, Any]:
    if said is None:
        return {}
    if not isinstance(said, dict):
        raise CalendarInvalid(f"{where} is no list of names with what they stand for")
    unknown = sorted(str(each) for each in said if names is not None and each not in names)
    if names is not None and unknown:
        raise CalendarInvalid(f"{where} has no '{unknown[0]}'; it may have {', '.join(sorted(names))}")
    return said


def _year(name: Any, section: Mapping[Any, Any]) -> Year:
    where = f"years.{name}"
    if not isinstance(name, int):
        raise CalendarInvalid(f"years: '{name}' is no year from {FIRST_YEAR} to {LAST_YEAR}")
    holidays = [
        _holiday(str(each), f"{where}.holidays.{each}", said)
        for each, said in _mapping(section.get("holidays"), f"{where}.holidays").items()
    ]
    for each in holidays:
        if each.first <= each.last and not each.first.year <= name <= each.last.year:
            raise CalendarInvalid(
                f"{where}.holidays.{each.name} has no day of {name}; put it into its own year"
            )
    return Year(name, tuple(holidays), tuple(_days(section.get("worked"), f"{where}.worked")))


def _days(said: Any, where: str) -> list[dt.date]:
    found = [] if said is None else said
    if not isinstance(found, list) or any(type(each) is not dt.date for each in found):
        raise CalendarInvalid(f"{where} is no list of days such as [2026-02-15, 2026-02-23]")
    return found


def _holiday(name: str, where: str, said: Any) -> Holiday:
    days = _days(said, where)
    if not 1 <= len(days) <= 2:
        raise CalendarInvalid(f"{where} is not one day, or the first and the last")
    return Holiday(name, days[0], days[-1])


def _period(name: Any, said: Any) -> Period:
    if not isinstance(said, list) or len(said) != 2 or not all(isinstance(each, str) for each in said):
        raise CalendarInvalid(f'periods.{name} is not ["start", "end"] with moments in quotes')
    return Period.of_texts(str(name), *said)
