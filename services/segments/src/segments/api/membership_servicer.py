"""MembershipService: parse, call one use case, render."""

from typing import Protocol

from huaxiang.segments.v1 import membership_service_pb2 as pb
from huaxiang.segments.v1.membership_service_pb2_grpc import MembershipServiceServicer
from huaxiang.type.v1 import explanation_pb2
from segments.api import parse, render
from segments.app.membership import Membership
from segments.app.readable import MayRead
from segments.app.version import Board
from servicekit.calls import current_principal
from servicekit.freshness import Freshness
from servicekit.revision import Revision

MAX_PERSONS = 1_000
MAX_SEGMENTS = 100


class Explain(Protocol):
    """Tagging's explanation of a rule for a person."""

    async def __call__(
        self, tenant: str, person_id: int, rule: str, at_least: Revision | None, may_read: MayRead
    ) -> explanation_pb2.Explanation:
        """By what tagging knows at `at_least` or later, with the evidence that the caller may read. Raises
        PersonUnknown, UpstreamUnavailable."""
        ...


class MembershipServicer(MembershipServiceServicer):
    """Who is in, and why."""

    def __init__(self, board: Board, membership: Membership, explain: Explain, freshness: Freshness) -> None:
        self._board = board
        self._membership = membership
        self._explain = explain
        self._freshness = freshness

    async def CheckMembership(
        self, request: pb.CheckMembershipRequest, context: object
    ) -> pb.CheckMembershipResponse:
        tenant = current_principal().require_tenant()
        parse.bounded("person_ids", request.person_ids, MAX_PERSONS)
        parse.bounded("segment_ids", request.segment_ids, MAX_SEGMENTS)
        await self._freshness.ensure(request.consistency)
        version = self._board.current
        checked, notes = self._membership.check(
            version, tenant, list(request.person_ids), list(request.segment_ids)
        )
        return pb.CheckMembershipResponse(
            persons=[pb.PersonMembership(person_id=each.person_id, members=each.members) for each in checked],
            freshness=render.freshness(notes),
            revision=version.revision.to_proto(),
        )

    async def ExplainMembership(
        self, request: pb.ExplainMembershipRequest, context: object
    ) -> pb.ExplainMembershipResponse:
        tenant = current_principal().require_tenant()
        await self._freshness.ensure(request.consistency)
        version = self._board.current
        may_read = parse.grades_of(current_principal())
        placed = self._membership.place(version, tenant, request.person_id, request.segment_id, may_read)
        explanation = await self._explain(
            tenant, placed.person_id, placed.rule, version.upstream("tagging"), may_read
        )
        notes = render.freshness(placed.freshness)
        notes.warnings.extend(placed.steps)
        left_out = placed.steps and explanation.holds and not placed.member
        if explanation.holds != placed.member and placed.in_population and not left_out:
            notes.warnings.append("the tree was read at a later moment than the membership")
        return pb.ExplainMembershipResponse(
            member=placed.member,
            in_population=placed.in_population,
            explanation=explanation,
            freshness=notes,
            revision=version.revision.to_proto(),
        )
