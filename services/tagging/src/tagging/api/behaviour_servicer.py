"""BehaviourService: what sets of persons do one after the other."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, TypeVar

import numpy as np
from huaxiang.tagging.v1 import behaviour_service_pb2 as pb
from huaxiang.tagging.v1.behaviour_service_pb2_grpc import BehaviourServiceServicer
from pyroaring import BitMap
from servicekit.calls import current_principal
from servicekit.clock import Clock
from servicekit.errors import InvalidField, QueueFull
from servicekit.freshness import Freshness
from servicekit.values import timestamp_of
from tagging.api import parse_behaviour
from tagging.api.parse_tags import readable_grades
from tagging.app.behaviour.analyze import AnalyzeFunnel, AnalyzePaths, AnalyzeRetention, Asking, Basis
from tagging.domain.behaviour.paths import Turn
from tagging.domain.columns import days
from tagging.store.ports import PersonIds

COMPUTED_AT_ONCE = 2
"""Each holds the events of its persons in memory."""
MAX_WAITING = 16
MEMBERS_BITS = 23
"""Ids of one message share all bits above these: 1 MiB at most."""
_KINDS = {
    Turn.STEP: pb.WALK_NODE_KIND_STEP,
    Turn.OTHERS: pb.WALK_NODE_KIND_OTHERS,
    Turn.ENDED: pb.WALK_NODE_KIND_ENDED,
}


Request = TypeVar("Request", pb.AnalyzeFunnelRequest, pb.AnalyzeRetentionRequest, pb.AnalyzePathsRequest)
Answer = TypeVar("Answer")


class BehaviourServicer(BehaviourServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        facts: Freshness,
        funnel: AnalyzeFunnel,
        retention: AnalyzeRetention,
        paths: AnalyzePaths,
        clock: Clock,
    ) -> None:
        self._facts = facts
        self._funnel = funnel
        self._retention = retention
        self._paths = paths
        self._clock = clock
        self._computing = asyncio.Semaphore(COMPUTED_AT_ONCE)
        self._waiting = 0

    async def AnalyzeFunnel(
        self, request_iterator: AsyncIterator[pb.AnalyzeFunnelRequest], context: object
    ) -> AsyncIterator[pb.AnalyzeFunnelResponse]:
        request, sets = await _received(request_iterator)
        question = parse_behaviour.funnel_question(request)
        members = parse_behaviour.last_step(request)
        found = await self._asked(request, sets, lambda asking: self._funnel(asking, question, members))
        yield pb.AnalyzeFunnelResponse(
            basis=_basis(found.basis), counts=[pb.FunnelCounts(reached=each) for each in found.reached]
        )
        for part in _parts(found.members):
            yield pb.AnalyzeFunnelResponse(members=part)

    async def AnalyzeRetention(
        self, request_iterator: AsyncIterator[pb.AnalyzeRetentionRequest], context: object
    ) -> AsyncIterator[pb.AnalyzeRetentionResponse]:
        request, sets = await _received(request_iterator)
        question = parse_behaviour.retention_question(request)
        members = parse_behaviour.cohort_part(request)
        found = await self._asked(request, sets, lambda asking: self._retention(asking, question, members))
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
        for part in _parts(found.members):
            yield pb.AnalyzeRetentionResponse(members=part)

    async def AnalyzePaths(
        self, request_iterator: AsyncIterator[pb.AnalyzePathsRequest], context: object
    ) -> AsyncIterator[pb.AnalyzePathsResponse]:
        request, sets = await _received(request_iterator)
        question = parse_behaviour.path_question(request)
        members = parse_behaviour.walk_part(request)
        found = await self._asked(request, sets, lambda asking: self._paths(asking, question, members))
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
        for part in _parts(found.members):
            yield pb.AnalyzePathsResponse(members=part)

    async def _asked(
        self, request: Request, sets: parse_behaviour.Sets, work: Callable[[Asking], Answer]
    ) -> Answer:
        """Computes in a thread that gives up when the caller has gone. Raises QueueFull."""
        principal = current_principal()
        tenant = principal.require_tenant()
        moment = request.as_of if request.HasField("as_of") else None
        as_of = parse_behaviour.as_of(moment, self._clock.now())
        await self._facts.ensure(request.consistency)
        if self._waiting >= MAX_WAITING:
            raise QueueFull("questions about behaviour", MAX_WAITING)
        self._waiting += 1
        try:
            await self._computing.acquire()
        finally:
            self._waiting -= 1
        gone = threading.Event()
        grades = readable_grades(principal, request.only_grades)
        asking = Asking(tenant, as_of, grades, sets.persons(), gone.is_set)
        computing = asyncio.ensure_future(asyncio.to_thread(work, asking))
        computing.add_done_callback(self._stand_up)
        try:
            return await asyncio.shield(computing)
        except asyncio.CancelledError:
            gone.set()
            raise

    def _stand_up(self, computing: "asyncio.Future[Any]") -> None:
        """The place is free when the work has ended, whoever waited for it."""
        self._computing.release()
        if not computing.cancelled():
            computing.exception()


async def _received(messages: AsyncIterator[Request]) -> tuple[Request, parse_behaviour.Sets]:
    """The first message, and the sets of all."""
    first: Request | None = None
    sets = parse_behaviour.Sets()
    async for message in messages:
        sets.add(message.sets)
        first = message if first is None else first
    if first is None:
        raise InvalidField("sets", "are missing: the stream has no message")
    return first, sets


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
