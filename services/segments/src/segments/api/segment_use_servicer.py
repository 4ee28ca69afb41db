"""SegmentUseService: who uses segments, and what a change would touch."""

from collections.abc import Sequence

from huaxiang.segments.v1 import segment_use_service_pb2 as pb
from huaxiang.segments.v1.segment_use_service_pb2_grpc import SegmentUseServiceServicer
from rules.calendars.periods import MAX_PERIODS
from segments.api import parse, render
from segments.app.impact import CheckImpact, ReportSegmentUse
from segments.app.period_uses import period_uses
from segments.app.version import Board
from segments.domain.uses import (
    CAMPAIGN,
    MAX_CONSUMER_CHARS,
    MAX_SEGMENTS_OF_USE,
    MAX_USER_CHARS,
    MAX_USES,
    SegmentUse,
)
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import BatchTooLarge, InvalidField


class SegmentUseServicer(SegmentUseServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self, board: Board, database: Database, report: ReportSegmentUse, impact: CheckImpact
    ) -> None:
        self._board = board
        self._database = database
        self._report = report
        self._impact = impact

    async def ReportSegmentUse(
        self, request: pb.ReportSegmentUseRequest, context: object
    ) -> pb.ReportSegmentUseResponse:
        tenant = current_principal().require_tenant()
        if not 0 < len(request.consumer) <= MAX_CONSUMER_CHARS:
            raise InvalidField("consumer", f"is not 1 to {MAX_CONSUMER_CHARS} characters")
        await self._database.write(self._report, tenant, request.consumer, _uses(request.uses))
        return pb.ReportSegmentUseResponse(revision=self._board.current.revision.to_proto())

    async def CheckImpact(self, request: pb.CheckImpactRequest, context: object) -> pb.CheckImpactResponse:
        principal = current_principal()
        tenant, version = principal.require_tenant(), self._board.current
        found = await self._database.read(self._impact.touched, version, tenant, request.segment_id)
        new_count, notes = None, self._impact.freshness(version, tenant, request.segment_id)
        if request.rule:
            new_count, notes = await self._impact.counted(
                version,
                tenant,
                request.segment_id,
                request.rule,
                parse.population(request.population),
                parse.grades_of(principal),
            )
        return pb.CheckImpactResponse(
            segment_ids=found.segments,
            campaigns=found.campaigns,
            count=found.count,
            new_count=new_count,
            freshness=render.freshness(notes),
            revision=version.revision.to_proto(),
        )

    async def ListPeriodUses(
        self, request: pb.ListPeriodUsesRequest, context: object
    ) -> pb.ListPeriodUsesResponse:
        tenant, version = current_principal().require_tenant(), self._board.current
        parse.bounded("periods", request.periods, MAX_PERIODS)
        found = period_uses(version.tenant(tenant), request.periods)
        uses = [
            pb.PeriodUse(period=period, segment_ids=each)
            for period, each in zip(request.periods, found, strict=True)
        ]
        return pb.ListPeriodUsesResponse(uses=uses, revision=version.revision.to_proto())


def _uses(messages: Sequence[pb.SegmentUse]) -> list[SegmentUse]:
    if len(messages) > MAX_USES:
        raise BatchTooLarge("uses", len(messages), MAX_USES)
    found: dict[tuple[str, str], SegmentUse] = {}
    for number, each in enumerate(messages):
        if each.kind != pb.SEGMENT_USER_KIND_CAMPAIGN:
            raise InvalidField(f"uses[{number}].kind", f"{each.kind} is no kind of this version")
        if not 0 < len(each.name) <= MAX_USER_CHARS:
            raise InvalidField(f"uses[{number}].name", f"is not 1 to {MAX_USER_CHARS} characters")
        if len(each.segment_ids) > MAX_SEGMENTS_OF_USE:
            raise BatchTooLarge(f"uses[{number}].segment_ids", len(each.segment_ids), MAX_SEGMENTS_OF_USE)
        if (CAMPAIGN, each.name) in found:
            raise InvalidField(f"uses[{number}].name", "comes twice")
        found[CAMPAIGN, each.name] = SegmentUse(CAMPAIGN, each.name, tuple(sorted(set(each.segment_ids))))
    return list(found.values())
