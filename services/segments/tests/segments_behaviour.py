"""Tagging's BehaviourService at its wire: counts what follows from ids, person by person."""
# ruff: noqa: N802  # rpc names are the contract's

import datetime as dt
from collections import Counter
from collections.abc import AsyncIterator, Callable
from typing import Any

from google.protobuf import timestamp_pb2
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from huaxiang.tagging.v1 import behaviour_service_pb2_grpc, tag_pb2
from pyroaring import BitMap
from servicekit.errors import InvalidInput, RightMissing
from servicekit.revision import Revision
from servicekit.server import Service

KNOWN = {"order_paid", "danced", "checkup_completed"}
"""Also what only its tenant declares."""
SENSITIVE = "checkup_completed"
COHORTS = 3
PERIODS = 2
AS_OF = dt.datetime(2026, 3, 31, 4, tzinfo=dt.UTC)


def last_step(person: int) -> int:
    """Of three; four persons in a thousand buy, and more women than men look."""
    return 3 if person % 250 == 4 else 2 if person % 5 == 0 else 1 if person % 2 == 0 else 0


def cohort(person: int) -> int | None:
    return None if person % 4 == 3 else person % 4


def returned(person: int) -> set[int]:
    """In which periods."""
    return {each for each in range(PERIODS) if person % (each + 3) == 0}


def walk(person: int) -> tuple[str, ...] | None:
    if person % 3 == 0:
        return None
    return ("view_item", "order_paid")[: person % 7 // 2] if person % 7 < 6 else ("search",)


class UnknownEvent(InvalidInput):
    """As tagging refuses it."""

    domain = "tagging.huaxiang"
    reason = "RULE_INVALID"

    def __init__(self, told: str, field: str) -> None:
        problem = told.partition(" (")[0]
        super().__init__(told, problem=problem, line=1, column=7, suggestion="order_paid")


class FakeBehaviour(behaviour_service_pb2_grpc.BehaviourServiceServicer):
    """`asked`: the first message of each call; so many of each set are `left_out`."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.left_out = 0

    def service(self) -> Service:
        return Service(
            pb.DESCRIPTOR.services_by_name["BehaviourService"],
            behaviour_service_pb2_grpc.add_BehaviourServiceServicer_to_server,
            self,
        )

    async def AnalyzeFunnel(self, request_iterator: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        request, sets = await self._received(request_iterator)
        counts = [
            pb.FunnelCounts(reached=[sum(last_step(each) > step for each in persons) for step in range(3)])
            for persons in sets
        ]
        yield pb.AnalyzeFunnelResponse(basis=_basis(sets, self.left_out), counts=counts)
        range_ = request.members
        for part in _members(request, sets, lambda person: range_.least <= last_step(person) <= range_.most):
            yield pb.AnalyzeFunnelResponse(members=part)

    async def AnalyzeRetention(
        self, request_iterator: AsyncIterator[Any], context: Any
    ) -> AsyncIterator[Any]:
        request, sets = await self._received(request_iterator)
        assert (request.cohort_count, request.period_count) == (COHORTS, PERIODS)
        counts = []
        for persons in sets:
            sizes = Counter(map(cohort, persons))
            back = Counter((cohort(each), period) for each in persons for period in returned(each))
            counts.append(
                pb.RetentionCounts(
                    sizes=[sizes[each] for each in range(COHORTS)],
                    returned=[back[each, period] for each in range(COHORTS) for period in range(PERIODS)],
                )
            )
        yield pb.AnalyzeRetentionResponse(
            basis=_basis(sets, self.left_out),
            cohorts=[
                pb.Cohort(start_day=request.start_day + each, begun_count=2, over_count=1)
                for each in range(COHORTS)
            ],
            counts=counts,
        )
        part = request.members
        period = part.period if part.HasField("period") else None
        for each in _members(
            request,
            sets,
            lambda person: (
                cohort(person) == part.cohort
                and (period is None or (period in returned(person)) != part.away)
            ),
        ):
            yield pb.AnalyzeRetentionResponse(members=each)

    async def AnalyzePaths(self, request_iterator: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        request, sets = await self._received(request_iterator)
        walks = {each: found for each in sets[0] if (found := walk(each)) is not None}
        nodes: list[pb.WalkNode] = []
        _unfold(list(walks.values()), (), request.depth, nodes)
        yield pb.AnalyzePathsResponse(
            basis=_basis(sets, self.left_out), started_count=len(walks), nodes=nodes
        )
        path, ended = tuple(request.members.event_types), request.members.ended
        for part in _members(
            request,
            sets,
            lambda person: (
                person in walks
                and walks[person][: len(path)] == path
                and (not ended or len(walks[person]) == len(path))
            ),
        ):
            yield pb.AnalyzePathsResponse(members=part)

    async def _received(self, messages: AsyncIterator[Any]) -> tuple[Any, list[BitMap]]:
        sets: list[BitMap] = []
        first = None
        async for message in messages:
            first = message if first is None else first
            for each in message.sets:
                while len(sets) <= each.set:
                    sets.append(BitMap())
                sets[each.set] |= BitMap.deserialize(each.persons)
        assert first is not None
        self.asked.append(first)
        for field, text in _events(first):
            type_ = text.split()[0]
            if type_ not in KNOWN:
                raise UnknownEvent(
                    f"{field}: there is no event {type_!r} (did you mean 'order_paid'?)", field
                )
            if type_ == SENSITIVE and tag_pb2.TAG_GRADE_SENSITIVE not in first.only_grades:
                raise RightMissing("tagging.values.read_sensitive")
        return first, sets


def _unfold(
    walks: list[tuple[str, ...]], path: tuple[str, ...], depth: int, nodes: list[pb.WalkNode]
) -> None:
    if len(path) == depth or not walks:
        return
    following = Counter(each[len(path)] for each in walks if len(each) > len(path))
    for step, count in sorted(following.items(), key=lambda each: (-each[1], each[0])):
        here = (*path, step)
        nodes.append(pb.WalkNode(kind=pb.WALK_NODE_KIND_STEP, event_types=here, persons=count))
        _unfold([each for each in walks if each[: len(here)] == here], here, depth, nodes)
    if ended := len(walks) - following.total():
        nodes.append(pb.WalkNode(kind=pb.WALK_NODE_KIND_ENDED, event_types=path, persons=ended))


def _events(request: Any) -> list[tuple[str, str]]:
    if isinstance(request, pb.AnalyzeRetentionRequest):
        return [("first", request.first), ("returning", request.returning)]
    return [(f"steps[{place}]", text) for place, text in enumerate(request.steps)]


def _basis(sets: list[BitMap], left_out: int) -> pb.BehaviourBasis:
    stamp = timestamp_pb2.Timestamp()
    stamp.FromDatetime(AS_OF)
    return pb.BehaviourBasis(
        as_of=stamp,
        revision=Revision("tagging", "00000001aaaaaaaa", 7, 7).to_proto(),
        person_counts=[len(each) - left_out for each in sets],
        event_count=1,
        warnings=["told by tagging"],
        sensitive_purposes=["health"],
    )


def _members(request: Any, sets: list[BitMap], holds: Callable[[int], bool]) -> list[bytes]:
    if not request.HasField("members"):
        return []
    return [BitMap(each for each in sets[0] if holds(each)).serialize()]
