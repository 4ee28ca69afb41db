"""RecycleBinService: deleted segments."""

from huaxiang.segments.v1 import recycle_bin_service_pb2 as pb
from huaxiang.segments.v1.recycle_bin_service_pb2_grpc import RecycleBinServiceServicer
from segments.api import parse, render
from segments.app.recycling import Recycling
from segments.app.segments import Segments, existing
from segments.app.version import Board
from segments.domain.segment import Deletion
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import timestamp_of


class RecycleBinServicer(RecycleBinServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, board: Board, database: Database, recycling: Recycling, segments: Segments) -> None:
        self._board = board
        self._database = database
        self._recycling = recycling
        self._segments = segments

    async def ListDeletedSegments(
        self, request: pb.ListDeletedSegmentsRequest, context: object
    ) -> pb.ListDeletedSegmentsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, str)
        found = await self._database.read(self._recycling.page, tenant, last[0] if last else "", size + 1)
        more = len(found) > size
        return pb.ListDeletedSegmentsResponse(
            segments=[_message(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].segment.segment_id], bound_to) if more else "",
            revision=self._board.current.revision.to_proto(),
        )

    async def RestoreSegment(
        self, request: pb.RestoreSegmentRequest, context: object
    ) -> pb.RestoreSegmentResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        deletion = await self._database.read(self._recycling.get, tenant, request.segment_id)
        if deletion is None:
            version = self._board.current
            known = existing(version, tenant, request.segment_id)
            return pb.RestoreSegmentResponse(
                segment=render.segment(known), revision=version.revision.to_proto()
            )
        stored, revision = await self._segments.restore(
            tenant, deletion, parse.actor(principal), parse.grades_of(principal), request.reason
        )
        return pb.RestoreSegmentResponse(segment=render.segment(stored), revision=revision.to_proto())

    async def PurgeSegment(self, request: pb.PurgeSegmentRequest, context: object) -> pb.PurgeSegmentResponse:
        principal = current_principal()
        await self._recycling.purge(principal.require_tenant(), request.segment_id, parse.actor(principal))
        return pb.PurgeSegmentResponse(revision=self._board.current.revision.to_proto())


def _message(deletion: Deletion) -> pb.DeletedSegment:
    segment = render.segment(deletion.segment)
    segment.ClearField("state")
    return pb.DeletedSegment(
        segment=segment,
        delete_time=timestamp_of(deletion.time),
        purge_time=timestamp_of(deletion.purge_time),
        subject=deletion.subject,
        reason=deletion.reason,
        forced=deletion.forced,
    )
