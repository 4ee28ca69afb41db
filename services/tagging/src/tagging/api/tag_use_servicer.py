"""TagUseService: who uses which tag, what a change touches, where a tag comes from and goes to."""

import grpc
from huaxiang.tagging.v1 import tag_use_service_pb2 as pb
from huaxiang.tagging.v1 import tag_use_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from sqlalchemy import Connection
from tagging.api.looks import looked_at
from tagging.api.parse_governance import depth_of, direction_of, periods_of, uses_of
from tagging.api.parse_tags import MAX_CONSUMER_CHARACTERS, definitions_of, named
from tagging.api.render_governance import edge_message, field_message, node_message
from tagging.app.governance.impact import CheckImpact, Impact, ReportTagUse
from tagging.app.governance.lives import Lives
from tagging.app.governance.period_uses import ListPeriodUses
from tagging.app.governance.trace_lineage import TraceLineage

Context = grpc.aio.ServicerContext[object, object]


class TagUseServicer(tag_use_service_pb2_grpc.TagUseServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        database: Database,
        report: ReportTagUse,
        impact: CheckImpact,
        period_uses: ListPeriodUses,
        trace: TraceLineage,
        lives: Lives,
    ) -> None:
        self._database = database
        self._report = report
        self._impact = impact
        self._period_uses = period_uses
        self._trace = trace
        self._lives = lives

    async def ReportTagUse(
        self, request: pb.ReportTagUseRequest, context: Context
    ) -> pb.ReportTagUseResponse:
        tenant = current_principal().require_tenant()
        consumer = named("consumer", request.consumer, MAX_CONSUMER_CHARACTERS)
        revision = await self._database.write(self._report, tenant, consumer, uses_of(request.uses))
        return pb.ReportTagUseResponse(revision=revision.to_proto())

    async def CheckImpact(self, request: pb.CheckImpactRequest, context: Context) -> pb.CheckImpactResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> Impact:
            match request.WhichOneof("change"):
                case "definition":
                    (definition,) = definitions_of([request.definition])
                    return self._impact.of_definition(connection, tenant, definition)
                case "activated_tag_id":
                    return self._impact.of_draft(connection, tenant, request.activated_tag_id)
                case "removed_tag_id":
                    return self._impact.of_removal(connection, tenant, request.removed_tag_id)
                case _:
                    raise InvalidField("change", "is not said")

        found = await looked_at(lambda: self._database.read(work))
        return pb.CheckImpactResponse(
            tag_ids=found.users.tag_ids,
            segments=found.users.segments,
            campaigns=found.users.campaigns,
            fields=[field_message(each) for each in found.fields],
            breaking=found.breaking,
            broken=found.broken,
            lost_values=found.lost_values,
            coverage=found.coverage,
            revision=found.revision.to_proto(),
            warnings=found.warnings,
        )

    async def ListPeriodUses(
        self, request: pb.ListPeriodUsesRequest, context: Context
    ) -> pb.ListPeriodUsesResponse:
        tenant, periods = current_principal().require_tenant(), periods_of(request.periods)
        found, revision = await self._database.read(self._period_uses, tenant, periods)
        uses = [
            pb.PeriodUse(period=period, tag_ids=each) for period, each in zip(periods, found, strict=True)
        ]
        return pb.ListPeriodUsesResponse(uses=uses, revision=revision.to_proto())

    async def GetTagLineage(
        self, request: pb.GetTagLineageRequest, context: Context
    ) -> pb.GetTagLineageResponse:
        tenant = current_principal().require_tenant()
        size, bound = page_size(request.page_size), request_hash(request, tenant)
        token = read_token(request.page_token, bound, int)
        start = token[0] if token else 0
        depth, direction = depth_of(request.depth), direction_of(request.direction)

        def work(connection: Connection) -> pb.GetTagLineageResponse:
            found = self._trace(connection, tenant, request.tag_id, direction, depth)
            page = found.nodes[start : start + size]
            distances = {each.place: each.distance for each in found.nodes[: start + size]}
            here = {each.place for each in page}
            edges = [
                edge_message(each, distances)
                for each in found.edges
                if each.source in distances and each.target in distances and {each.source, each.target} & here
            ]
            more = len(found.nodes) > start + size
            return pb.GetTagLineageResponse(
                nodes=[node_message(each) for each in page],
                edges=edges,
                next_page_token=make_token([start + size], bound) if more else "",
                cut=found.cut,
                revision=self._lives.revision(connection).to_proto(),
            )

        return await self._database.read(work)
