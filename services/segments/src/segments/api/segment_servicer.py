"""SegmentService: parse, call one use case, render."""

from huaxiang.segments.v1 import segment_service_pb2 as pb
from huaxiang.segments.v1.segment_service_pb2_grpc import SegmentServiceServicer
from segments.api import parse, render
from segments.app.preview import Preview
from segments.app.segments import Filter, Segments
from segments.app.version import Board
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash

MAX_SAMPLE = 100


class SegmentServicer(SegmentServiceServicer):
    """Segments and what a rule would select."""

    def __init__(self, board: Board, segments: Segments, preview: Preview, freshness: Freshness) -> None:
        self._board = board
        self._segments = segments
        self._preview = preview
        self._freshness = freshness

    async def CreateSegment(
        self, request: pb.CreateSegmentRequest, context: object
    ) -> pb.CreateSegmentResponse:
        principal = current_principal()
        stored, revision = await self._segments.create(
            principal.require_tenant(),
            parse.draft(request.segment),
            parse.actor(principal),
            parse.grades_of(principal),
            request.reason,
        )
        warnings = self._segments.warnings(principal.require_tenant(), stored.segment_id)
        return pb.CreateSegmentResponse(
            segment=render.segment(stored), revision=revision.to_proto(), warnings=warnings
        )

    async def UpdateSegment(
        self, request: pb.UpdateSegmentRequest, context: object
    ) -> pb.UpdateSegmentResponse:
        principal = current_principal()
        stored, revision = await self._segments.update(
            principal.require_tenant(),
            parse.draft(request.segment),
            request.segment.etag,
            parse.actor(principal),
            parse.grades_of(principal),
            request.reason,
        )
        warnings = self._segments.warnings(principal.require_tenant(), stored.segment_id)
        return pb.UpdateSegmentResponse(
            segment=render.segment(stored), revision=revision.to_proto(), warnings=warnings
        )

    async def DeleteSegment(
        self, request: pb.DeleteSegmentRequest, context: object
    ) -> pb.DeleteSegmentResponse:
        principal = current_principal()
        revision = await self._segments.delete(
            principal.require_tenant(),
            request.segment_id,
            request.etag,
            parse.actor(principal),
            request.reason,
            force=request.force,
        )
        return pb.DeleteSegmentResponse(revision=revision.to_proto())

    async def RecomputeSegment(
        self, request: pb.RecomputeSegmentRequest, context: object
    ) -> pb.RecomputeSegmentResponse:
        principal = current_principal()
        stored, revision = await self._segments.recompute(
            principal.require_tenant(), request.segment_id, parse.actor(principal)
        )
        return pb.RecomputeSegmentResponse(segment=render.segment(stored), revision=revision.to_proto())

    async def GetSegment(self, request: pb.GetSegmentRequest, context: object) -> pb.GetSegmentResponse:
        tenant = current_principal().require_tenant()
        await self._freshness.ensure(request.consistency)
        version = self._board.current
        found, notes = self._segments.get(version, tenant, request.segment_id)
        return pb.GetSegmentResponse(
            segment=render.segment(found.segment),
            count=found.count,
            freshness=render.freshness(notes),
            revision=version.revision.to_proto(),
        )

    async def ListSegments(self, request: pb.ListSegmentsRequest, context: object) -> pb.ListSegmentsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, str)
        version = self._board.current
        asked = Filter(
            folder=request.folder,
            owner=request.owner,
            brand=request.brand if request.HasField("brand") else None,
            states=parse.states(request.states),
        )
        found = self._segments.page(version, tenant, asked, last[0] if last else "", size + 1)
        more = len(found) > size
        return pb.ListSegmentsResponse(
            segments=[
                pb.ListedSegment(segment=render.segment(each.segment), count=each.count)
                for each in found[:size]
            ],
            next_page_token=make_token([found[size - 1].segment.segment_id], bound_to) if more else "",
            revision=version.revision.to_proto(),
        )

    async def PreviewSegment(
        self, request: pb.PreviewSegmentRequest, context: object
    ) -> pb.PreviewSegmentResponse:
        tenant = current_principal().require_tenant()
        if not 0 <= request.sample_size <= MAX_SAMPLE:
            raise InvalidField("sample_size", f"is {request.sample_size}, the limits are 0 and {MAX_SAMPLE}")
        await self._freshness.ensure(request.consistency)
        population = parse.population(request.population)
        found = await self._preview(
            tenant, request.rule, population, request.sample_size, parse.grades_of(current_principal())
        )
        return pb.PreviewSegmentResponse(
            count=found.count,
            sample_person_ids=found.sample,
            canonical_rule=found.canonical_rule,
            freshness=render.freshness(found.freshness),
            revision=found.read_at.to_proto(),
        )
