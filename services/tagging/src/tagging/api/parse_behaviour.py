"""Questions about behaviour as the use cases take them, limits checked."""

import datetime as dt
from collections.abc import Sequence

from google.protobuf import duration_pb2, timestamp_pb2
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from pyroaring import BitMap
from rules.tree import Unit
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.values import moment, time_problem
from tagging.api.parse_tags import MAX_FORM_CHARACTERS, at_most, named
from tagging.app.behaviour.analyze import (
    CohortPart,
    FunnelQuestion,
    LastStep,
    PathPart,
    PathQuestion,
    RetentionQuestion,
    Stretch,
)
from tagging.domain.behaviour import funnel, paths, retention
from tagging.domain.columns import day_of

MAX_SETS = 53
MAX_PART_BYTES = 2 * 1024 * 1024
MAX_SET_BYTES = 256 * 1024 * 1024
MAX_SET_PERSONS = 100_000_000
"""A few bytes name all ids there can be."""
MAX_WITHIN = dt.timedelta(days=1_098)
_UNITS = {
    pb.CALENDAR_PERIOD_DAY: Unit.DAY,
    pb.CALENDAR_PERIOD_WEEK: Unit.WEEK,
    pb.CALENDAR_PERIOD_MONTH: Unit.MONTH,
}
_MAX_DAY = 2_000_000
"""Days since 1970 that a calendar has."""


class Sets:
    """Sets of persons, part by part. A part costs what it weighs, however many came before it."""

    def __init__(self) -> None:
        self._sets: list[_Set] = [_Set()]
        self._bytes = 0

    def add(self, parts: Sequence[pb.PersonSetPart]) -> None:
        """Raises InvalidField, BatchTooLarge."""
        for each in parts:
            if not 0 <= each.set < MAX_SETS:
                raise InvalidField("sets.set", f"is {each.set}, the limits are 0 and {MAX_SETS - 1}")
            if len(each.persons) > MAX_PART_BYTES:
                raise BatchTooLarge("sets.persons", len(each.persons), MAX_PART_BYTES)
            self._bytes += len(each.persons)
            if self._bytes > MAX_SET_BYTES:
                raise BatchTooLarge("sets together", self._bytes, MAX_SET_BYTES)
            while len(self._sets) <= each.set:
                self._sets.append(_Set())
            self._sets[each.set].join(each.persons)

    def persons(self) -> list[BitMap]:
        """The ids of each set, the audience first."""
        return [each.persons for each in self._sets]


class _Set:
    """Its size is counted on: a look at all of it would take longer the more of it has come."""

    def __init__(self) -> None:
        self.persons = BitMap()
        self._count = 0

    def join(self, part: bytes) -> None:
        """Packed as what came: lists and masks of what comes as runs take many times its bytes."""
        try:
            persons = BitMap.deserialize(part)
        except ValueError as error:
            raise InvalidField("sets.persons", "is no portable roaring bitmap") from error
        count = self._count + len(persons) - self.persons.intersection_cardinality(persons)
        if count > MAX_SET_PERSONS:
            raise BatchTooLarge("a set", count, MAX_SET_PERSONS)
        persons.run_optimize()
        self.persons |= persons
        self._count = count


def as_of(message: timestamp_pb2.Timestamp | None, now: dt.datetime) -> dt.datetime | None:
    """None is now. Raises InvalidField."""
    if message is None:
        return None
    found = _moment("as_of", message)
    if found > now:
        raise InvalidField("as_of", "lies in the future")
    return found


def funnel_question(request: pb.AnalyzeFunnelRequest) -> FunnelQuestion:
    """Raises InvalidField, BatchTooLarge."""
    steps = _events("steps", request.steps, funnel.MAX_STEPS)
    return FunnelQuestion(steps, _within(request.within), request.strict, _stretch(request))


def last_step(request: pb.AnalyzeFunnelRequest) -> LastStep | None:
    """Whose ids are asked for. Raises InvalidField."""
    if not request.HasField("members"):
        return None
    least, most, steps = request.members.least, request.members.most, len(request.steps)
    if not 0 <= most <= steps:
        raise InvalidField("members.most", f"is {most}, the limits are 0 and {steps}, the number of steps")
    if not 0 <= least <= most:
        raise InvalidField("members.least", f"is {least}, the limits are 0 and {most}, members.most")
    return LastStep(least, most)


def retention_question(request: pb.AnalyzeRetentionRequest) -> RetentionQuestion:
    """Raises InvalidField."""
    if request.period not in _UNITS:
        raise InvalidField("period", "is missing: say day, week or month")
    if not 0 <= request.start_day <= _MAX_DAY:
        raise InvalidField("start_day", f"is {request.start_day}, the limits are 0 and {_MAX_DAY}")
    return RetentionQuestion(
        _event("first", request.first),
        _event("returning", request.returning),
        _UNITS[request.period],
        day_of(request.start_day),
        _between("cohort_count", request.cohort_count, retention.MAX_COHORTS),
        _between("period_count", request.period_count, retention.MAX_PERIODS),
    )


def cohort_part(request: pb.AnalyzeRetentionRequest) -> CohortPart | None:
    """Whose ids are asked for. Raises InvalidField."""
    if not request.HasField("members"):
        return None
    part = request.members
    period = part.period if part.HasField("period") else None
    if not 0 <= part.cohort < request.cohort_count:
        raise InvalidField("members.cohort", f"is {part.cohort}, there are {request.cohort_count}")
    if not 0 <= (period or 0) < request.period_count:
        raise InvalidField("members.period", f"is {period}, there are {request.period_count}")
    return CohortPart(part.cohort, period, part.away)


def path_question(request: pb.AnalyzePathsRequest) -> PathQuestion:
    """Raises InvalidField, BatchTooLarge."""
    return PathQuestion(
        _event("start", request.start),
        _events("steps", request.steps, paths.MAX_TYPES),
        request.backwards,
        _between("depth", request.depth, paths.MAX_DEPTH),
        _between("top", request.top, paths.MAX_TOP),
        _within(request.within),
        request.collapse,
        _stretch(request),
    )


def walk_part(request: pb.AnalyzePathsRequest) -> PathPart | None:
    """Whose ids are asked for. Raises InvalidField."""
    if not request.HasField("members"):
        return None
    path = tuple(request.members.event_types)
    if len(path) + request.members.ended > request.depth:
        raise InvalidField("members.event_types", f"are {len(path)}, depth is {request.depth}")
    return PathPart(path, request.members.ended)


def _events(field: str, texts: Sequence[str], most: int) -> tuple[str, ...]:
    at_most(field, texts, most, least=1)
    return tuple(_event(f"{field}[{place}]", each) for place, each in enumerate(texts))


def _event(field: str, text: str) -> str:
    return named(field, text, MAX_FORM_CHARACTERS)


def _between(field: str, number: int, most: int) -> int:
    if not 1 <= number <= most:
        raise InvalidField(field, f"is {number}, the limits are 1 and {most}")
    return number


def _within(message: duration_pb2.Duration) -> dt.timedelta:
    most = int(MAX_WITHIN.total_seconds())
    if not 0 <= message.seconds <= most or not dt.timedelta() < message.ToTimedelta() <= MAX_WITHIN:
        raise InvalidField("within", f"is not above 0 and up to {MAX_WITHIN.days} days")
    return message.ToTimedelta()


def _stretch(request: pb.AnalyzeFunnelRequest | pb.AnalyzePathsRequest) -> Stretch:
    start = _moment("start_time", request.start_time) if request.HasField("start_time") else None
    end = _moment("end_time", request.end_time) if request.HasField("end_time") else None
    if start is not None and end is not None and start >= end:
        raise InvalidField("start_time", "is not before end_time")
    return Stretch(start, end)


def _moment(field: str, message: timestamp_pb2.Timestamp) -> dt.datetime:
    if problem := time_problem(message):
        raise InvalidField(field, problem)
    return moment(message)
