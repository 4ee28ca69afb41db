"""Which schedules have come: from what was seen of each, the moment, and the news."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from rules.windows import CalendarSettings

from .columns import microseconds, moment_of
from .schedule import Cause, OnEvent, OnTag, Schedule, latest_due
from .schedule_document import to_text

MAX_BECAUSE_CHARACTERS = 1_000


@dataclass(frozen=True, slots=True)
class Seen:
    """What was last seen of a tag's schedule (as text): `mark` is a due moment in microseconds, or a place in news."""

    schedule: str
    mark: int


@dataclass(frozen=True, slots=True)
class News:
    """What happened since marks: `arrival` and `position` are where events and values have come to by now, the types
    and columns those that came after each mark."""

    arrival: int = 0
    position: int = 0
    types: Mapping[int, frozenset[str]] = field(default_factory=dict)
    columns: Mapping[int, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Start:
    """A run to start."""

    cause: Cause
    because: str
    tag_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Turn:
    """What changes: marks to keep, and runs to start."""

    marks: Mapping[str, Seen]
    starts: tuple[Start, ...] = ()


def turn(
    scheduled: Mapping[str, Schedule],
    seen: Mapping[str, Seen],
    now: dt.datetime,
    calendar: CalendarSettings,
    news: News | None,
) -> Turn:
    """`news`: None when it is not looked at this time. A schedule that is new, or changed, is only marked: it starts
    something from its next moment on. All timetables that have come start one run; of news, each type and each tag
    one."""
    marks: dict[str, Seen] = {}
    due: dict[tuple[Cause, str], list[str]] = {}
    told: dict[str, dt.datetime] = {}
    for tag_id, schedule in sorted(scheduled.items()):
        text = to_text(schedule)
        known = seen.get(tag_id)
        mark = _mark(schedule, now, calendar, news)
        if mark is None:
            continue
        if known != Seen(text, mark):
            marks[tag_id] = Seen(text, mark)
        if known is None or known.schedule != text:
            continue
        match schedule:
            case OnEvent(name):
                if news and name in news.types.get(known.mark, ()):
                    due.setdefault((Cause.EVENT, name), []).append(tag_id)
            case OnTag(name):
                if news and name in news.columns.get(known.mark, ()):
                    due.setdefault((Cause.TAG, name), []).append(tag_id)
            case _ if mark > known.mark:
                due.setdefault((Cause.SCHEDULE, ""), []).append(tag_id)
                told[text] = moment_of(mark)
    because = "; ".join(f"{text}, due {moment.isoformat()}" for text, moment in sorted(told.items()))
    return Turn(
        marks,
        tuple(
            Start(cause, name or because[:MAX_BECAUSE_CHARACTERS], tuple(tag_ids))
            for (cause, name), tag_ids in due.items()
        ),
    )


def _mark(schedule: Schedule, now: dt.datetime, calendar: CalendarSettings, news: News | None) -> int | None:
    match schedule:
        case OnEvent():
            return news.arrival if news else None
        case OnTag():
            return news.position if news else None
    return microseconds(latest_due(schedule, now, calendar))
