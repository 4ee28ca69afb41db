"""SegmentVersionService: what was said of segments, and what differs."""

from dataclasses import replace

from huaxiang.segments.v1 import segment_pb2
from huaxiang.segments.v1 import segment_version_service_pb2 as pb
from huaxiang.segments.v1.segment_version_service_pb2_grpc import SegmentVersionServiceServicer
from segments.api import parse, render
from segments.app.segments import Segments
from segments.app.version import Board
from segments.app.versions import Versions
from segments.domain.segment import Kind
from segments.domain.versions import SegmentVersion
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import timestamp_of


class SegmentVersionServicer(SegmentVersionServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, board: Board, database: Database, versions: Versions, segments: Segments) -> None:
        self._board = board
        self._database = database
        self._versions = versions
        self._segments = segments

    async def ListSegmentVersions(
        self, request: pb.ListSegmentVersionsRequest, context: object
    ) -> pb.ListSegmentVersionsResponse:
        tenant = current_principal().require_tenant()
        size = page_size(request.page_size)
        bound_to = request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, int)
        version = self._board.current
        found = await self._database.read(
            self._versions.page, version, tenant, request.segment_id, last[0] if last else None, size + 1
        )
        return pb.ListSegmentVersionsResponse(
            versions=[_message(each) for each in found[:size]],
            next_page_token=make_token([found[size - 1].version], bound_to) if len(found) > size else "",
            revision=version.revision.to_proto(),
        )

    async def DiffSegmentVersions(
        self, request: pb.DiffSegmentVersionsRequest, context: object
    ) -> pb.DiffSegmentVersionsResponse:
        tenant = current_principal().require_tenant()
        version = self._board.current
        found = await self._database.read(
            self._versions.diff,
            version,
            tenant,
            request.segment_id,
            request.from_version,
            request.to_version,
        )
        return pb.DiffSegmentVersionsResponse(
            fields=[pb.FieldDifference(field=each.field, old=each.old, new=each.new) for each in found],
            revision=version.revision.to_proto(),
        )

    async def RestoreSegmentVersion(
        self, request: pb.RestoreSegmentVersionRequest, context: object
    ) -> pb.RestoreSegmentVersionResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        said = await self._database.read(self._versions.get, tenant, request.segment_id, request.version)
        stored, revision = await self._segments.update(
            tenant,
            replace(said.draft, owner=""),
            request.etag,
            parse.actor(principal),
            parse.grades_of(principal),
            request.reason or f"version {said.version} again",
        )
        return pb.RestoreSegmentVersionResponse(segment=render.segment(stored), revision=revision.to_proto())


def _message(version: SegmentVersion) -> pb.SegmentVersion:
    return pb.SegmentVersion(
        version=version.version,
        segment=segment_pb2.Segment(
            segment_id=version.draft.segment_id,
            display_name=version.draft.display_name,
            description=version.draft.description,
            rule="" if version.draft.kind is Kind.STATIC else version.draft.rule,
            canonical_rule="" if version.draft.kind is Kind.STATIC else version.canonical_rule,
            population=render.POPULATIONS[version.draft.population],
            brand=version.draft.brand,
            folder=version.draft.folder,
            owner=version.draft.owner,
            version=version.version,
            kind=render.KINDS[version.draft.kind],
        ),
        start_time=timestamp_of(version.saying.time),
        subject=version.saying.subject,
        reason=version.saying.reason,
    )
