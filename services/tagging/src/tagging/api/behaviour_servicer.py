"""BehaviourService: what sets of persons do one after the other."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

import numpy as np
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from huaxiang.tagging.v1.behaviour_service_pb2_grpc import BehaviourServiceServicer
from pyroaring import BitMap
from servicekit.calls import current_principal
from servicekit.clock import Clock
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.values import timestamp_of
from tagging.api import parse_behaviour
from tagging.api.behaviour_room import COMPUTED_AT_ONCE, Place, Room
from tagging.api.parse_tags import readable_grades
from tagging.app.behaviour.analyze import (
    AnalyzeFunnel,
    AnalyzePaths,
    AnalyzeRetention,
    Asking,
    Basis,
    FunnelAnswer,
    PathAnswer,
    RetentionAnswer,
)
from tagging.app.behaviour.histories import Filter, ReadHistories
from tagging.domain.behaviour.paths import Turn
from tagging.domain.columns import days
from tagging.store.ports import PersonIds

RECEIVED_WITHIN_S = 60
"""All messages of a question: while they come it has a place in the room."""
MEMBERS_BITS = 23
"""Ids of one message share all bits above these: 1 MiB at most."""
_KINDS = {
    Turn.STEP: pb.WALK_NODE_KIND_STEP,
    Turn.OTHERS: pb.WALK_NODE_KIND_OTHERS,
    Turn.ENDED: pb.WALK_NODE_KIND_ENDED,
}


Request = TypeVar("Request", pb.AnalyzeFunnelRequest, pb.AnalyzeRetentionRequest, pb.AnalyzePathsRequest)
Answer = TypeVar("Answer", FunnelAnswer, RetentionAnswer, PathAnswer)
Work = TypeVar("Work")


@dataclass(frozen=True, slots=True)
class Asked(Generic[Answer]):
    """A question that was read: the events it is about, and what to work out."""

    filters: Sequence[Filter]
    work: Callable[[Asking], Answer]


class BehaviourServicer(BehaviourServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        facts: Freshness,
        histories: ReadHistories,
        funnel: AnalyzeFunnel,
        retention: AnalyzeRetention,
        paths: AnalyzePaths,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._histories = histories
        self._funnel = funnel
        self._retention = retention
        self._paths = paths
        self._clock = clock
        self._room = Room()
        self._computing = asyncio.Semaphore(COMPUTED_AT_ONCE)

    async def AnalyzeFunnel(
        self, request_iterator: AsyncIterator[pb.AnalyzeFunnelRequest], context: object
    ) -> AsyncIterator[pb.AnalyzeFunnelResponse]:
        def read(request: pb.AnalyzeFunnelRequest) -> Asked[FunnelAnswer]:
            question = parse_behaviour.funnel_question(request)
            members = parse_behaviour.last_step(request)
            return Asked(question.filters(), lambda asking: self._funnel(asking, question, members))

        found, parts = await self._answered(request_iterator, read)
        yield pb.AnalyzeFunnelResponse(
            basis=_basis(found.basis), counts=[pb.FunnelCounts(reached=each) for each in found.reached]
        )
        for part in parts:
            yield pb.AnalyzeFunnelResponse(members=part)

    async def AnalyzeRetention(
        self, request_iterator: AsyncIterator[pb.AnalyzeRetentionRequest], context: object
    ) -> AsyncIterator[pb.AnalyzeRetentionResponse]:
        def read(request: pb.AnalyzeRetentionRequest) -> Asked[RetentionAnswer]:
            question = parse_behaviour.retention_question(request)
            members = parse_behaviour.cohort_part(request)
            return Asked(question.filters(), lambda asking: self._retention(asking, question, members))

        found, parts = await self._answered(request_iterator, read)
        yield pb.AnalyzeRetentionResponse(
            basis=_basis(found.basis),
            cohorts=[
                pb.Cohort(start_day=days(start), begun_count=begun, over_count=over)
                for start, begun, over in zip(found.starts, found.begun, found.over, strict=False)
            ],
            counts=[
                pb.RetentionCounts(
                    sizes=each.sizes, returned=[count for cohort in each.returned for count in cohort]
                )
                for each in found.matrices
            ],
        )
        for part in parts:
            yield pb.AnalyzeRetentionResponse(members=part)

    async def AnalyzePaths(
        self, request_iterator: AsyncIterator[pb.AnalyzePathsRequest], context: object
    ) -> AsyncIterator[pb.AnalyzePathsResponse]:
        def read(request: pb.AnalyzePathsRequest) -> Asked[PathAnswer]:
            question = parse_behaviour.path_question(request)
            members = parse_behaviour.walk_part(request)
            return Asked(question.filters(), lambda asking: self._paths(asking, question, members))

        found, parts = await self._answered(request_iterator, read)
        yield pb.AnalyzePathsResponse(
            basis=_basis(found.basis),
            started_count=found.started,
            nodes=[
                pb.WalkNode(
                    kind=_KINDS[each.turn],
                    event_types=[found.types[place] for place in each.path],
                    persons=each.persons,
                )
                for each in found.nodes
            ],
        )
        for part in parts:
            yield pb.AnalyzePathsResponse(members=part)

    async def _answered(
        self, messages: AsyncIterator[Request], read: Callable[[Request], Asked[Answer]]
    ) -> tuple[Answer, list[bytes]]:
        """The answer and its members in parts, from a thread that gives up when the caller has gone. `read`: what a
        request asks. Raises QueueFull, and TimeoutError for messages that do not come."""
        principal = current_principal()
        tenant = principal.require_tenant()

        async def begun(request: Request) -> Callable[[Asking], Answer]:
            asked = read(request)
            grades = readable_grades(principal, request.only_grades)
            await asyncio.to_thread(self._histories.require, tenant, asked.filters, grades)
            return asked.work

        place = self._room.enter()
        try:
            async with asyncio.timeout(RECEIVED_WITHIN_S):
                request, work, sets = await _received(messages, begun, place)
            grades = readable_grades(principal, request.only_grades)
            moment = request.as_of if request.HasField("as_of") else None
            as_of = parse_behaviour.as_of(moment, self._clock.now())
            await self._facts.ensure(request.consistency)
            gone = threading.Event()

            def worked_out() -> tuple[Answer, list[bytes]]:
                answer = work(Asking(tenant, as_of, grades, sets.persons(), gone.is_set))
                return answer, list(_parts(answer.members))

            await self._computing.acquire()
        except BaseException:
            place.leave()
            raise
        computing = asyncio.ensure_future(asyncio.to_thread(worked_out))
        computing.add_done_callback(partial(self._stand_up, place))
        try:
            return await asyncio.shield(computing)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _stand_up(self, place: Place, computing: "asyncio.Future[Any]") -> None:
        """The place is free when the work has ended, whoever waited for it."""
        place.leave()
        self._computing.release()
        if not computing.cancelled():
            computing.exception()


async def _received(
    messages: AsyncIterator[Request], begun: Callable[[Request], Awaitable[Work]], place: Place
) -> tuple[Request, Work, parse_behaviour.Sets]:
    """The first message, what it asks for, and the sets of all. A question that cannot be answered is refused before
    its sets come."""
    sets = parse_behaviour.Sets()
    asked: tuple[Request, Work] | None = None
    async for message in messages:
        asked = (message, await begun(message)) if asked is None else asked
        place.take(sum(len(each.persons) for each in message.sets))
        sets.add(message.sets)
    if asked is None:
        raise InvalidField("sets", "are missing: the stream has no message")
    request, work = asked
    return request, work, sets


def _parts(members: PersonIds | None) -> Iterator[bytes]:
    if members is None:
        return
    cuts = np.flatnonzero(np.diff(members >> MEMBERS_BITS)) + 1
    for part in np.split(members, cuts):
        if len(part):
            persons = BitMap(part.astype(np.uint32))
            persons.run_optimize()
            yield persons.serialize()


def _basis(found: Basis) -> pb.BehaviourBasis:
    return pb.BehaviourBasis(
        as_of=timestamp_of(found.as_of),
        revision=found.revision.to_proto(),
        person_counts=found.persons,
        event_count=found.event_count,
        warnings=found.warnings,
        sensitive_purposes=found.purposes,
    )
