"""When a tag that runs compute is due: at moments of the tenant's calendar, or after something happened.

A moment of the calendar is due once, however late it is noticed: `latest_due` answers the last one that has come, and
a tag is due when that is later than the last one seen. Moments that passed while nobody looked are made good once. When
the clock goes back, what was seen goes back with it and nothing is due until the next moment comes.
"""

import datetime as dt
from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from rules.windows import CalendarSettings

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
MAX_MINUTES = 24 * 60
MAX_DAY = 31
DAYS_OF_WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_HOUR = dt.timedelta(hours=1)
_DAY = dt.timedelta(days=1)


class ScheduleInvalid(ValueError):
    """A schedule breaks its limits; the message begins with the field."""


@dataclass(frozen=True, slots=True)
class EveryMinutes:
    """Every so many minutes since 1970, 1 to 1,440."""

    minutes: int


@dataclass(frozen=True, slots=True)
class Hourly:
    """At a minute of every hour, 0 to 59."""

    minute: int = 0


@dataclass(frozen=True, slots=True)
class Daily:
    """At a time of every day. A time that the clock leaves out comes as much later; one that it repeats comes once."""

    hour: int = 0
    minute: int = 0


@dataclass(frozen=True, slots=True)
class Weekly:
    """`day` 1 is Monday, 7 Sunday."""

    day: int = 1
    hour: int = 0
    minute: int = 0


@dataclass(frozen=True, slots=True)
class Monthly:
    """`day` 1 to 31; a shorter month's last day stands for those it has not."""

    day: int = 1
    hour: int = 0
    minute: int = 0


@dataclass(frozen=True, slots=True)
class Quarterly:
    """`month` 1 to 3 of the quarter, `day` as in Monthly."""

    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0


@dataclass(frozen=True, slots=True)
class OnEvent:
    """After events of a type arrived; those of one minute together."""

    event_type: str


@dataclass(frozen=True, slots=True)
class OnTag:
    """After values of another tag changed; those of one minute together."""

    tag_id: str


Timetable: TypeAlias = EveryMinutes | Hourly | Daily | Weekly | Monthly | Quarterly
Schedule: TypeAlias = Timetable | OnEvent | OnTag


class Cause(Enum):
    """Why a run started."""

    REQUEST = "request"
    SCHEDULE = "schedule"
    EVENT = "event"
    TAG = "tag"


def check_schedule(schedule: Schedule) -> None:
    """Raises ScheduleInvalid."""
    match schedule:
        case EveryMinutes(minutes):
            _within("every_minutes", minutes, 1, MAX_MINUTES)
        case OnEvent(name):
            _said("on_event", name)
        case OnTag(name):
            _said("on_tag", name)
        case Hourly(minute):
            _within("minute", minute, 0, 59)
        case _:
            _within("hour", schedule.hour, 0, 23)
            _within("minute", schedule.minute, 0, 59)
    match schedule:
        case Weekly(day):
            _within("day", day, 1, 7)
        case Monthly(day) | Quarterly(day=day):
            _within("day", day, 1, MAX_DAY)
    if isinstance(schedule, Quarterly):
        _within("month", schedule.month, 1, 3)


def latest_due(schedule: Timetable, now: dt.datetime, calendar: CalendarSettings) -> dt.datetime:
    """The last moment at or before `now` at which the schedule is due, in UTC."""
    match schedule:
        case EveryMinutes(minutes):
            step = dt.timedelta(minutes=minutes)
            return EPOCH + (now - EPOCH) // step * step
        case Hourly(minute):
            return _of_the_hour(minute, now, calendar)
        case _:
            return _of_a_day(schedule, now, calendar)


def _of_the_hour(minute: int, now: dt.datetime, calendar: CalendarSettings) -> dt.datetime:
    local = now.astimezone(calendar.zone)
    past = dt.timedelta(minutes=local.minute - minute, seconds=local.second, microseconds=local.microsecond)
    return now.astimezone(dt.UTC) - past % _HOUR


def _of_a_day(
    schedule: Daily | Weekly | Monthly | Quarterly, now: dt.datetime, calendar: CalendarSettings
) -> dt.datetime:
    """From tomorrow backwards: a clock's change can move a time of day across midnight."""
    day = calendar.day_of(now) + _DAY
    while True:
        day = _day_at_or_before(schedule, day)
        due = calendar.moment(dt.datetime.combine(day, dt.time(schedule.hour, schedule.minute)))
        if due <= now:
            return due
        day -= _DAY


def _day_at_or_before(schedule: Daily | Weekly | Monthly | Quarterly, day: dt.date) -> dt.date:
    match schedule:
        case Daily():
            return day
        case Weekly():
            return day - dt.timedelta(days=(day.isoweekday() - schedule.day) % 7)
    month = day.replace(day=1)
    while True:
        if isinstance(schedule, Monthly) or (month.month - schedule.month) % 3 == 0:
            chosen = _clamped(month, schedule.day)
            if chosen <= day:
                return chosen
        month = (month - _DAY).replace(day=1)


def _clamped(month: dt.date, day: int) -> dt.date:
    following = (month + dt.timedelta(days=31)).replace(day=1)
    return min(month + dt.timedelta(days=day - 1), following - _DAY)


def _within(field: str, number: int, least: int, most: int) -> None:
    if not least <= number <= most:
        raise ScheduleInvalid(f"{field}: is {number}, allowed are {least} to {most}")


def _said(field: str, name: str) -> None:
    if not name:
        raise ScheduleInvalid(f"{field}: is empty")
