"""MembershipService: parse, call one use case, render."""

import time
from typing import Protocol, cast

from huaxiang.segments.v1 import membership_service_pb2 as pb
from huaxiang.segments.v1.membership_service_pb2_grpc import (
    MembershipServiceServicer,
    add_MembershipServiceServicer_to_server,
)
from huaxiang.type.v1 import explanation_pb2
from segments.api import parse, render
from segments.api.packed_memberships import packed_duration, packed_persons
from segments.app.freshness_notes import elapsed_us
from segments.app.membership import Members, Membership
from segments.app.readable import MayRead
from segments.app.version import Board, Version
from servicekit.calls import current_principal
from servicekit.encoded_answers import adding_encoded
from servicekit.freshness import Freshness
from servicekit.revision import Revision

MAX_PERSONS = 1_000
MAX_SEGMENTS = 100
add_memberships = adding_encoded(add_MembershipServiceServicer_to_server, ("CheckMembership",))


class Explain(Protocol):
    """Tagging's explanation of a rule for a person."""

    async def __call__(
        self, tenant: str, person_id: int, rule: str, at_least: Revision | None, may_read: MayRead
    ) -> explanation_pb2.Explanation:
        """By what tagging knows at `at_least` or later, with the evidence that the caller may read. Raises
        PersonUnknown, UpstreamUnavailable."""
        ...


class MembershipServicer(MembershipServiceServicer):
    """Who is in, and why. CheckMembership answers encoded: `add_memberships` adds it so."""

    def __init__(self, board: Board, membership: Membership, explain: Explain, freshness: Freshness) -> None:
        self._board = board
        self._membership = membership
        self._explain = explain
        self._freshness = freshness
        self._encoded: tuple[Members | None, bytes] = (None, b"")

    async def CheckMembership(
        self, request: pb.CheckMembershipRequest, context: object
    ) -> pb.CheckMembershipResponse:
        tenant = current_principal().require_tenant()
        parse.bounded("person_ids", request.person_ids, MAX_PERSONS)
        parse.bounded("segment_ids", request.segment_ids, MAX_SEGMENTS)
        if request.HasField("consistency"):
            await self._freshness.ensure(request.consistency)
        started = time.perf_counter_ns()
        version = self._board.current
        members = self._membership.members(version, tenant, tuple(request.segment_ids))
        checked = members.check(request.person_ids)
        encoded = packed_persons(checked.person_ids, checked.members)
        encoded += self._rests_on(members, version)
        took = packed_duration(elapsed_us(time.perf_counter_ns() - started))
        return cast(pb.CheckMembershipResponse, encoded + took)

    def _rests_on(self, members: Members, version: Version) -> bytes:
        """The fields behind `persons`, encoded once while the same segments are asked for within a moment."""
        whose, encoded = self._encoded
        if whose is not members:
            encoded = pb.CheckMembershipResponse(
                freshness=render.freshness(members.freshness), revision=version.revision.to_proto()
            ).SerializeToString()
            self._encoded = (members, encoded)
        return encoded

    async def ExplainMembership(
        self, request: pb.ExplainMembershipRequest, context: object
    ) -> pb.ExplainMembershipResponse:
        tenant = current_principal().require_tenant()
        await self._freshness.ensure(request.consistency)
        started = time.perf_counter_ns()
        version = self._board.current
        may_read = parse.grades_of(current_principal())
        placed = self._membership.place(version, tenant, request.person_id, request.segment_id, may_read)
        explanation = await self._explain(
            tenant, placed.person_id, placed.rule, version.upstream("tagging"), may_read
        )
        notes = render.freshness(placed.freshness)
        notes.evaluate_us = elapsed_us(time.perf_counter_ns() - started)
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
