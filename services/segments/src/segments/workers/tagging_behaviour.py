"""What tagging works out over events for sets of persons."""

import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import grpc
from google.protobuf import timestamp_pb2
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from huaxiang.tagging.v1.behaviour_service_pb2_grpc import BehaviourServiceStub
from pyroaring import BitMap
from segments.api import parse
from segments.domain.insight.behaviour.questions import (
    BehaviourCell,
    Calendar,
    Funnel,
    FunnelCell,
    PathCell,
    Paths,
    Retention,
    RetentionCell,
)
from segments.errors import RuleInvalid
from segments.store.behaviour_ports import (
    CellMembers,
    Cohort,
    EventBasis,
    FunnelCounts,
    Node,
    PathCounts,
    RetentionCounts,
    Sets,
    Turn,
)
from segments.workers.tagging_calls import consistency, translated
from servicekit.errors import BatchTooLarge, RightMissing, UpstreamUnavailable
from servicekit.principal import TENANT_KEY
from servicekit.revision import from_proto
from servicekit.status import reason_of
from servicekit.values import moment, timestamp_of

SERVICE = "tagging"
PART_IDS = 1 << 23
"""Ids of one part share all bits above: a bitmap of 1 MiB at most."""
MESSAGE_BYTES = 2 * 1024 * 1024
DEADLINE_S = 55.0
"""Below the deadline of the calls that wait for it."""
_PERIODS = {
    Calendar.DAY: pb.CALENDAR_PERIOD_DAY,
    Calendar.WEEK: pb.CALENDAR_PERIOD_WEEK,
    Calendar.MONTH: pb.CALENDAR_PERIOD_MONTH,
}
_TURNS = {
    pb.WALK_NODE_KIND_STEP: Turn.STEP,
    pb.WALK_NODE_KIND_OTHERS: Turn.OTHERS,
    pb.WALK_NODE_KIND_ENDED: Turn.ENDED,
}


class TaggingBehaviour:
    """Implements Behaviour."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = BehaviourServiceStub(channel)

    async def funnel(self, sets: Sets, funnel: Funnel) -> FunnelCounts:
        head, _ = await _asked(self._stub.AnalyzeFunnel, sets, _funnel(funnel), pb.AnalyzeFunnelRequest)
        return FunnelCounts(_basis(head.basis), tuple(tuple(each.reached) for each in head.counts))

    async def retention(self, sets: Sets, retention: Retention) -> RetentionCounts:
        head, _ = await _asked(
            self._stub.AnalyzeRetention, sets, _retention(retention), pb.AnalyzeRetentionRequest
        )
        width = retention.periods
        return RetentionCounts(
            _basis(head.basis),
            tuple(Cohort(each.start_day, each.begun_count, each.over_count) for each in head.cohorts),
            tuple(tuple(each.sizes) for each in head.counts),
            tuple(
                tuple(
                    tuple(each.returned[start : start + width])
                    for start in range(0, len(each.returned), width)
                )
                for each in head.counts
            ),
        )

    async def paths(self, sets: Sets, paths: Paths) -> PathCounts:
        head, _ = await _asked(self._stub.AnalyzePaths, sets, _paths(paths), pb.AnalyzePathsRequest)
        nodes = (Node(_TURNS[each.kind], tuple(each.event_types), each.persons) for each in head.nodes)
        return PathCounts(_basis(head.basis), head.started_count, tuple(nodes))

    async def members(self, sets: Sets, cell: BehaviourCell) -> CellMembers:
        match cell:
            case FunnelCell():
                asked = _funnel(cell.funnel)
                most = cell.step if cell.stopped else len(cell.funnel.steps)
                asked.members.CopyFrom(pb.LastStepRange(least=cell.step, most=most))
                head, found = await _asked(self._stub.AnalyzeFunnel, sets, asked, pb.AnalyzeFunnelRequest)
            case RetentionCell():
                matrix = _retention(cell.retention)
                part = pb.CohortPart(cohort=cell.cohort, period=cell.period, away=cell.away)
                matrix.members.CopyFrom(part)
                head, found = await _asked(
                    self._stub.AnalyzeRetention, sets, matrix, pb.AnalyzeRetentionRequest
                )
            case PathCell():
                walk = _paths(cell.paths)
                walk.members.CopyFrom(pb.WalkPart(event_types=cell.event_types, ended=cell.ended))
                head, found = await _asked(self._stub.AnalyzePaths, sets, walk, pb.AnalyzePathsRequest)
        return CellMembers(_basis(head.basis), found)


async def _asked(rpc: Any, sets: Sets, first: Any, kind: Callable[..., Any]) -> tuple[Any, BitMap]:
    """The first message of the answer, and all members. Ends with the awaiting task."""
    first.consistency.CopyFrom(consistency(sets.at_least))
    first.only_grades.extend(number for number, grade in parse.GRADES.items() if grade in sets.grades)
    head, members = None, BitMap()
    try:
        call = rpc(_messages(sets, first, kind), metadata=((TENANT_KEY, sets.tenant),), timeout=DEADLINE_S)
        async for each in call:
            head = each if head is None else head
            if each.members:
                members |= BitMap.deserialize(each.members)
    except grpc.aio.AioRpcError as error:
        raise _of_events(error) from error
    if head is None:
        raise UpstreamUnavailable(SERVICE)
    return head, members


def _of_events(error: grpc.aio.AioRpcError) -> Exception:
    reason = reason_of(error)
    if reason.reason == RuleInvalid.reason:
        problem, hint = reason.metadata.get("problem", ""), reason.metadata.get("suggestion", "")
        if f"did you mean '{hint}'" in (error.details() or ""):
            hint = f"did you mean '{hint}'?"
        line, column = reason.metadata.get("line", "1"), reason.metadata.get("column", "1")
        return RuleInvalid(problem, int(line), int(column), hint, readable=False)
    if reason.reason == RightMissing.reason:
        return RightMissing(reason.metadata.get("right", ""))
    if reason.reason == BatchTooLarge.reason:
        said = reason.metadata
        return BatchTooLarge(said.get("field", "sets"), int(said.get("count", 0)), int(said.get("limit", 0)))
    return translated(error)


async def _messages(sets: Sets, first: Any, kind: Callable[..., Any]) -> AsyncIterator[Any]:
    message, size = first, 0
    for part in _parts(sets):
        if size and size + len(part.persons) > MESSAGE_BYTES:
            yield message
            message, size = kind(), 0
        message.sets.append(part)
        size += len(part.persons)
    yield message


def _parts(sets: Sets) -> Iterator[pb.PersonSetPart]:
    for number, persons in enumerate(sets.sets):
        if not persons:
            yield pb.PersonSetPart(set=number, persons=persons.serialize())
            continue
        for low in range(persons.min() // PART_IDS * PART_IDS, persons.max() + 1, PART_IDS):
            part = persons & BitMap(range(low, low + PART_IDS))
            part.run_optimize()
            yield pb.PersonSetPart(set=number, persons=part.serialize())


def _basis(message: pb.BehaviourBasis) -> EventBasis:
    revision = from_proto(message.revision)
    assert revision is not None
    return EventBasis(
        moment(message.as_of),
        revision,
        tuple(message.person_counts),
        message.event_count,
        tuple(message.warnings),
        tuple(message.sensitive_purposes),
    )


def _funnel(asked: Funnel) -> pb.AnalyzeFunnelRequest:
    request = pb.AnalyzeFunnelRequest(
        steps=asked.steps,
        strict=asked.strict,
        start_time=_stamp(asked.start),
        end_time=_stamp(asked.end),
    )
    request.within.FromTimedelta(asked.within)
    return request


def _retention(asked: Retention) -> pb.AnalyzeRetentionRequest:
    return pb.AnalyzeRetentionRequest(
        first=asked.first,
        returning=asked.returning,
        period=_PERIODS[asked.period],
        start_day=asked.start_day,
        cohort_count=asked.cohorts,
        period_count=asked.periods,
    )


def _paths(asked: Paths) -> pb.AnalyzePathsRequest:
    request = pb.AnalyzePathsRequest(
        start=asked.start,
        steps=asked.steps,
        backwards=asked.backwards,
        depth=asked.depth,
        top=asked.top,
        collapse=asked.collapse,
        start_time=_stamp(asked.begin),
        end_time=_stamp(asked.end),
    )
    request.within.FromTimedelta(asked.within)
    return request


def _stamp(moment_said: dt.datetime | None) -> timestamp_pb2.Timestamp | None:
    return None if moment_said is None else timestamp_of(moment_said)
