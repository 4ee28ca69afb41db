"""Questions about behaviour as domain values; limits are checked here."""

import datetime as dt
from collections.abc import Sequence

from google.protobuf import duration_pb2
from huaxiang.segments.v1 import behaviour_pb2 as pb
from huaxiang.segments.v1 import behaviour_service_pb2, insight_pb2
from segments.api import parse
from segments.domain.insight.behaviour.groups import DEFAULT_VALUES, Breakdown
from segments.domain.insight.behaviour.questions import (
    MAX_COHORTS,
    MAX_DEPTH,
    MAX_GROUPS,
    MAX_PERIODS,
    MAX_STEPS,
    MAX_TOP,
    MAX_TYPES,
    MAX_WITHIN,
    BehaviourCell,
    Calendar,
    Funnel,
    FunnelCell,
    PathCell,
    Paths,
    Retention,
    RetentionCell,
)
from segments.domain.insight.cells import MAX_LEVEL
from servicekit.errors import InvalidField

MAX_EVENT_CHARS = 10_000
DEFAULT_COHORTS = 8
DEFAULT_DEPTH = 5
_LAST_DAY = 2_000_000
_CALENDARS = {
    pb.RETENTION_PERIOD_UNSPECIFIED: Calendar.WEEK,
    pb.RETENTION_PERIOD_DAY: Calendar.DAY,
    pb.RETENTION_PERIOD_WEEK: Calendar.WEEK,
    pb.RETENTION_PERIOD_MONTH: Calendar.MONTH,
}


def funnel(field: str, message: pb.Funnel) -> Funnel:
    """Raises InvalidField, BatchTooLarge."""
    start, end = _stretch(field, message)
    steps = _events(f"{field}.steps", message.steps, MAX_STEPS)
    return Funnel(steps, _within(f"{field}.within", message.within), message.strict, start, end)


def retention(field: str, message: pb.Retention) -> Retention:
    """With the defaults of what is not said. Raises InvalidField."""
    if message.period not in _CALENDARS:
        raise InvalidField(f"{field}.period", f"{message.period} is no period of this version")
    first = _event(f"{field}.first", message.first)
    returning = _event(f"{field}.returning", message.returning) if message.returning else first
    return Retention(
        first=first,
        returning=returning,
        period=_CALENDARS[message.period],
        start_day=_between(f"{field}.start_day", message.start_day, 0, _LAST_DAY),
        cohorts=_count(f"{field}.cohort_count", message.cohort_count, DEFAULT_COHORTS, MAX_COHORTS),
        periods=_count(f"{field}.period_count", message.period_count, DEFAULT_COHORTS, MAX_PERIODS),
    )


def paths(field: str, message: pb.Paths) -> Paths:
    """With the defaults of what is not said. Raises InvalidField, BatchTooLarge."""
    begin, end = _stretch(field, message)
    return Paths(
        start=_event(f"{field}.start", message.start),
        steps=_events(f"{field}.steps", message.steps, MAX_TYPES),
        backwards=message.backwards,
        depth=_count(f"{field}.depth", message.depth, DEFAULT_DEPTH, MAX_DEPTH),
        top=_count(f"{field}.top", message.top, DEFAULT_DEPTH, MAX_TOP),
        within=_within(f"{field}.within", message.within),
        collapse=message.collapse_repeats,
        begin=begin,
        end=end,
    )


def breakdown(message: behaviour_service_pb2.Breakdown) -> Breakdown | None:
    """None when nothing is broken down. Raises InvalidField."""
    if not message.tag_id:
        return None
    return Breakdown(
        message.tag_id,
        _between("breakdown.level", message.level, 0, MAX_LEVEL),
        _count("breakdown.max_values", message.max_values, DEFAULT_VALUES, MAX_GROUPS),
    )


def cell(field: str, message: insight_pb2.BehaviourCell) -> BehaviourCell:
    """Raises InvalidField, BatchTooLarge."""
    match message.WhichOneof("cell"):
        case "funnel":
            return _funnel_cell(f"{field}.funnel", message.funnel)
        case "retention":
            return _retention_cell(f"{field}.retention", message.retention)
        case "path":
            return _path_cell(f"{field}.path", message.path)
        case _:
            raise InvalidField(
                field, "is missing: name a cell of a funnel, of a retention matrix or of paths"
            )


def _funnel_cell(field: str, message: pb.FunnelCell) -> FunnelCell:
    asked = funnel(f"{field}.funnel", message.funnel)
    least = 0 if message.stopped else 1
    step = _between(f"{field}.step", message.step, least, len(asked.steps))
    return FunnelCell(asked, step, message.stopped)


def _retention_cell(field: str, message: pb.RetentionCell) -> RetentionCell:
    asked = retention(f"{field}.retention", message.retention)
    period = None
    if message.HasField("period"):
        period = _between(f"{field}.period", message.period, 0, asked.periods - 1)
    cohort = _between(f"{field}.cohort", message.cohort, 0, asked.cohorts - 1)
    return RetentionCell(asked, cohort, period, message.away)


def _path_cell(field: str, message: pb.PathCell) -> PathCell:
    asked = paths(f"{field}.paths", message.paths)
    types = tuple(message.event_types)
    if len(types) + message.ended > asked.depth:
        raise InvalidField(f"{field}.event_types", f"are {len(types)}, depth is {asked.depth}")
    return PathCell(asked, types, message.ended)


def _events(field: str, texts: Sequence[str], most: int) -> tuple[str, ...]:
    parse.bounded(field, texts, most)
    return tuple(_event(f"{field}[{place}]", each) for place, each in enumerate(texts))


def _event(field: str, text: str) -> str:
    if not text.strip():
        raise InvalidField(field, "is empty: write an event type, or one with its WHERE")
    if len(text) > MAX_EVENT_CHARS:
        raise InvalidField(field, f"has {len(text)} characters, the limit is {MAX_EVENT_CHARS}")
    return text


def _count(field: str, number: int, default: int, most: int) -> int:
    return _between(field, number or default, 1, most)


def _between(field: str, number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise InvalidField(field, f"is {number}, the limits are {least} and {most}")
    return number


def _within(field: str, message: duration_pb2.Duration) -> dt.timedelta:
    if 0 <= message.seconds <= MAX_WITHIN.total_seconds():
        found = message.ToTimedelta()
        if dt.timedelta() < found <= MAX_WITHIN:
            return found
    raise InvalidField(field, f"is not above 0 and up to {MAX_WITHIN.days} days")


def _stretch(field: str, message: pb.Funnel | pb.Paths) -> tuple[dt.datetime | None, dt.datetime | None]:
    start = parse.time(f"{field}.start_time", message.start_time) if message.HasField("start_time") else None
    end = parse.time(f"{field}.end_time", message.end_time) if message.HasField("end_time") else None
    if start is not None and end is not None and start >= end:
        raise InvalidField(f"{field}.start_time", "is not before end_time")
    return start, end
