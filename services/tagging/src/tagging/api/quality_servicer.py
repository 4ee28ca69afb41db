"""QualityService: whether tags are still right, and whether anyone uses them."""

import grpc
from huaxiang.tagging.v1 import quality_service_pb2 as pb
from huaxiang.tagging.v1 import quality_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api.parse_tags import readable_grades
from tagging.api.render_quality import quality_message, unused_message, whole_quality
from tagging.app.quality.read_quality import ReadQuality
from tagging.app.quality.unused import ProposeRetirement
from tagging.catalogue.quality_messages import alert_message
from tagging.domain.columns import microseconds, moment_of
from tagging.domain.quality.retention import MAX_KEEP_DAYS
from tagging.domain.quality.usage import IDLE_DAYS

MAX_POINTS = 100
PAGE = 50
"""Entries of a page when the caller does not say."""
Context = grpc.aio.ServicerContext[object, object]


class QualityServicer(quality_service_pb2_grpc.QualityServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, database: Database, read: ReadQuality, unused: ProposeRetirement) -> None:
        self._database = database
        self._read = read
        self._unused = unused

    async def GetTagQuality(
        self, request: pb.GetTagQualityRequest, context: Context
    ) -> pb.GetTagQualityResponse:
        principal = current_principal()
        tenant, grades = principal.require_tenant(), readable_grades(principal)

        def work(connection: Connection) -> pb.GetTagQualityResponse:
            tag = self._read.tag(connection, tenant, request.tag_id)
            found = self._read.latest(connection, tenant, tag.tag_id)
            alerts = self._read.open_alerts(connection, tenant, tag.tag_id)
            return pb.GetTagQualityResponse(
                quality=whole_quality(found, tag, grades) if found else None,
                open_alerts=[alert_message(each) for each in alerts],
                revision=self._read.revision(connection).to_proto(),
                pending=tag.tag_id in self._read.pending(connection, tenant),
            )

        return await self._database.read(work)

    async def ListTagQuality(
        self, request: pb.ListTagQualityRequest, context: Context
    ) -> pb.ListTagQualityResponse:
        tenant = current_principal().require_tenant()
        most = request.max_score if request.HasField("max_score") else None
        if most is not None and not 0 <= most <= MAX_POINTS:
            raise InvalidField("max_score", f"is between 0 and {MAX_POINTS}")
        size, bound = page_size(request.page_size, default=PAGE), request_hash(request, tenant)
        after = (read_token(request.page_token, bound, str) or ("",))[0]

        def work(connection: Connection) -> pb.ListTagQualityResponse:
            found = self._read.page(connection, tenant, after, size + 1, most)
            page, more = found[:size], len(found) > size
            return pb.ListTagQualityResponse(
                qualities=[quality_message(each) for each in page],
                next_page_token=make_token([page[-1].measured.tag_id], bound) if more else "",
                revision=self._read.revision(connection).to_proto(),
                pending_count=len(self._read.pending(connection, tenant)),
            )

        return await self._database.read(work)

    async def ListQualityHistory(
        self, request: pb.ListQualityHistoryRequest, context: Context
    ) -> pb.ListQualityHistoryResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size, default=PAGE), request_hash(request, tenant)
        last = read_token(request.page_token, bound, int)

        def work(connection: Connection) -> pb.ListQualityHistoryResponse:
            tag = self._read.tag(connection, tenant, request.tag_id)
            end = None if last is None else moment_of(last[0])
            found = self._read.history(connection, tenant, tag.tag_id, end, size + 1)
            page, more = found[:size], len(found) > size
            token = make_token([microseconds(page[-1].measured.time)], bound) if more else ""
            return pb.ListQualityHistoryResponse(
                qualities=[quality_message(each) for each in page],
                next_page_token=token,
                revision=self._read.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def ListQualityAlerts(
        self, request: pb.ListQualityAlertsRequest, context: Context
    ) -> pb.ListQualityAlertsResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size, default=PAGE), request_hash(request, tenant)
        last = read_token(request.page_token, bound, int)

        def work(connection: Connection) -> pb.ListQualityAlertsResponse:
            found = self._read.alerts(
                connection,
                tenant,
                tag_id=request.tag_id,
                with_closed=request.with_closed,
                before=last[0] if last else None,
                limit=size + 1,
            )
            page, more = found[:size], len(found) > size
            return pb.ListQualityAlertsResponse(
                alerts=[alert_message(each) for each in page],
                next_page_token=make_token([page[-1].number], bound) if more else "",
                revision=self._read.revision(connection).to_proto(),
            )

        return await self._database.read(work)

    async def ListUnusedTags(
        self, request: pb.ListUnusedTagsRequest, context: Context
    ) -> pb.ListUnusedTagsResponse:
        tenant = current_principal().require_tenant()
        idle_days = request.idle_days if request.HasField("idle_days") else IDLE_DAYS
        if not 0 <= idle_days <= MAX_KEEP_DAYS:
            raise InvalidField("idle_days", f"is between 0 and {MAX_KEEP_DAYS}")
        size, bound = page_size(request.page_size, default=PAGE), request_hash(request, tenant)
        after = (read_token(request.page_token, bound, str) or ("",))[0]

        def work(connection: Connection) -> pb.ListUnusedTagsResponse:
            found, counted = self._unused(connection, tenant, idle_days, after, size + 1)
            page, more = found[:size], len(found) > size
            return pb.ListUnusedTagsResponse(
                tags=[unused_message(each) for each in page],
                counted_since_day=counted.isoformat() if counted else "",
                next_page_token=make_token([page[-1].tag_id], bound) if more else "",
                revision=self._read.revision(connection).to_proto(),
            )

        return await self._database.read(work)
