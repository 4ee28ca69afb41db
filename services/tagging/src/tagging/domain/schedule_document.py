"""Schedules as documents: {daily: "02:30"}, {weekly: {day: monday, at: "02:30"}}, {on_event: order_paid}."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from .schedule import (
    DAYS_OF_WEEK,
    Daily,
    EveryMinutes,
    Hourly,
    Monthly,
    OnEvent,
    OnTag,
    Quarterly,
    Schedule,
    ScheduleInvalid,
    Weekly,
    check_schedule,
)

_TIME = re.compile(r"([01]\d|2[0-3]):([0-5]\d)")
_FORMS = "every_minutes, hourly, daily, weekly, monthly, quarterly, on_event, on_tag"


def to_document(schedule: Schedule) -> dict[str, Any]:
    match schedule:
        case EveryMinutes(minutes):
            return {"every_minutes": minutes}
        case Hourly(minute):
            return {"hourly": minute}
        case Daily(hour, minute):
            return {"daily": _time(hour, minute)}
        case Weekly(day, hour, minute):
            return {"weekly": {"day": DAYS_OF_WEEK[day - 1], "at": _time(hour, minute)}}
        case Monthly(day, hour, minute):
            return {"monthly": {"day": day, "at": _time(hour, minute)}}
        case Quarterly(month, day, hour, minute):
            return {"quarterly": {"month": month, "day": day, "at": _time(hour, minute)}}
        case OnEvent(event_type):
            return {"on_event": event_type}
        case OnTag(tag_id):
            return {"on_tag": tag_id}


def to_text(schedule: Schedule) -> str:
    """For people, on one line: "daily 02:30", "weekly monday 02:30"."""
    (name, said), *_ = to_document(schedule).items()
    parts = said.values() if isinstance(said, Mapping) else [said]
    return " ".join([name.replace("_", " "), *map(str, parts)])


def from_document(given: object) -> Schedule:
    """Raises ScheduleInvalid with the field."""
    if not isinstance(given, Mapping) or len(given) != 1:
        raise ScheduleInvalid(f"has exactly one of {_FORMS}")
    ((name, said),) = given.items()
    readers: dict[str, Callable[[Any], Schedule]] = {
        "every_minutes": lambda each: EveryMinutes(_whole("every_minutes", each)),
        "hourly": lambda each: Hourly(_whole("hourly", each)),
        "daily": lambda each: Daily(*_at("daily", each)),
        "weekly": _weekly,
        "monthly": _monthly,
        "quarterly": _quarterly,
        "on_event": lambda each: OnEvent(str(each or "")),
        "on_tag": lambda each: OnTag(str(each or "")),
    }
    if name not in readers:
        raise ScheduleInvalid(f"{name}: is not one of {_FORMS}")
    schedule = readers[name](said)
    check_schedule(schedule)
    return schedule


def _weekly(given: Any) -> Schedule:
    said = _fields("weekly", given, {"day", "at"})
    day = str(said.get("day", "monday")).lower()
    if day not in DAYS_OF_WEEK:
        raise ScheduleInvalid(f"weekly.day: is one of {', '.join(DAYS_OF_WEEK)}")
    return Weekly(DAYS_OF_WEEK.index(day) + 1, *_at("weekly.at", said.get("at", "00:00")))


def _monthly(given: Any) -> Schedule:
    said = _fields("monthly", given, {"day", "at"})
    return Monthly(_whole("monthly.day", said.get("day", 1)), *_at("monthly.at", said.get("at", "00:00")))


def _quarterly(given: Any) -> Schedule:
    said = _fields("quarterly", given, {"month", "day", "at"})
    month, day = (_whole(f"quarterly.{name}", said.get(name, 1)) for name in ("month", "day"))
    return Quarterly(month, day, *_at("quarterly.at", said.get("at", "00:00")))


def _fields(where: str, given: object, known: set[str]) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise ScheduleInvalid(f"{where}: must be a mapping of {', '.join(sorted(known))}")
    for name in given:
        if name not in known:
            raise ScheduleInvalid(f"{where}.{name}: is not a field; these are: {', '.join(sorted(known))}")
    return given


def _whole(where: str, given: object) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise ScheduleInvalid(f"{where}: must be a whole number")
    return given


def _at(where: str, given: object) -> tuple[int, int]:
    """YAML reads 02:30 without quotes as 150."""
    found = _TIME.fullmatch(given) if isinstance(given, str) else None
    if found is None:
        raise ScheduleInvalid(f'{where}: is a time of day in quotes, such as "02:30"')
    return int(found[1]), int(found[2])


def _time(hour: int, minute: int) -> str:
    return f"{hour:02}:{minute:02}"
