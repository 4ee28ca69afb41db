"""BehaviourService: parse, call one use case, render."""

from huaxiang.segments.v1 import behaviour_service_pb2 as pb
from huaxiang.segments.v1.behaviour_service_pb2_grpc import BehaviourServiceServicer
from segments.api import behaviour_parse, behaviour_render, insight_parse
from segments.app.insight.behaviour.funnel import CountFunnel
from segments.app.insight.behaviour.paths import CountPaths
from segments.app.insight.behaviour.retention import CountRetention
from segments.app.insight.desk import Desk
from servicekit.calls import current_principal
from servicekit.freshness import Freshness


class BehaviourServicer(BehaviourServiceServicer):
    """What audiences do one after the other."""

    def __init__(
        self,
        desk: Desk,
        funnel: CountFunnel,
        retention: CountRetention,
        paths: CountPaths,
        freshness: Freshness,
    ) -> None:
        self._desk = desk
        self._funnel = funnel
        self._retention = retention
        self._paths = paths
        self._freshness = freshness

    async def GetFunnel(self, request: pb.GetFunnelRequest, context: object) -> pb.GetFunnelResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audience = insight_parse.base("audience", request.audience)
        asked = behaviour_parse.funnel("funnel", request.funnel)
        breakdown = behaviour_parse.breakdown(request.breakdown)
        await self._freshness.ensure(request.consistency)
        caller = insight_parse.caller(principal)
        return behaviour_render.funnel(await self._funnel(tenant, audience, asked, breakdown, caller))

    async def GetRetention(self, request: pb.GetRetentionRequest, context: object) -> pb.GetRetentionResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audience = insight_parse.base("audience", request.audience)
        asked = behaviour_parse.retention("retention", request.retention)
        breakdown = behaviour_parse.breakdown(request.breakdown)
        await self._freshness.ensure(request.consistency)
        caller = insight_parse.caller(principal)
        found = await self._retention(tenant, audience, asked, breakdown, caller)
        return await self._desk.compute(lambda: behaviour_render.retention(found))

    async def GetPaths(self, request: pb.GetPathsRequest, context: object) -> pb.GetPathsResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audience = insight_parse.base("audience", request.audience)
        asked = behaviour_parse.paths("paths", request.paths)
        await self._freshness.ensure(request.consistency)
        caller = insight_parse.caller(principal)
        return behaviour_render.paths(await self._paths(tenant, audience, asked, caller))
