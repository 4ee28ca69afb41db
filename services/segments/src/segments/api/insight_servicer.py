"""InsightService: parse, call one use case, render."""

from huaxiang.segments.v1 import insight_service_pb2 as pb
from huaxiang.segments.v1.insight_service_pb2_grpc import InsightServiceServicer
from segments.api import insight_parse, insight_render, parse
from segments.app.insight.compare import Compare
from segments.app.insight.describe import Describe
from segments.app.insight.overlap import Overlap
from segments.app.insight.transition import CountTransitions
from segments.domain.insight.overlap import MAX_AUDIENCES
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness

MIN_AUDIENCES = 2


class InsightServicer(InsightServiceServicer):
    """What audiences are like, and how they differ."""

    def __init__(
        self,
        describe: Describe,
        compare: Compare,
        overlap: Overlap,
        transitions: CountTransitions,
        freshness: Freshness,
    ) -> None:
        self._describe = describe
        self._compare = compare
        self._overlap = overlap
        self._transitions = transitions
        self._freshness = freshness

    async def DescribeAudience(
        self, request: pb.DescribeAudienceRequest, context: object
    ) -> pb.DescribeAudienceResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audience = insight_parse.audience("audience", request.audience)
        base = insight_parse.base("base", request.base)
        questions = insight_parse.questions(request.questions)
        standards = insight_parse.standards(request.standards)
        await self._freshness.ensure(request.consistency)
        found = await self._describe(
            tenant, audience, base, questions, standards, insight_parse.caller(principal)
        )
        return insight_render.description(found)

    async def CompareAudiences(
        self, request: pb.CompareAudiencesRequest, context: object
    ) -> pb.CompareAudiencesResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audiences = (
            insight_parse.audience("first", request.first),
            insight_parse.audience("second", request.second),
            insight_parse.base("base", request.base),
        )
        questions = insight_parse.questions(request.questions)
        await self._freshness.ensure(request.consistency)
        found = await self._compare(tenant, audiences, questions, insight_parse.caller(principal))
        return insight_render.comparison(found)

    async def OverlapAudiences(
        self, request: pb.OverlapAudiencesRequest, context: object
    ) -> pb.OverlapAudiencesResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        parse.bounded("audiences", request.audiences, MAX_AUDIENCES)
        if len(request.audiences) < MIN_AUDIENCES:
            raise InvalidField("audiences", "is one: it overlaps with nothing")
        audiences = [
            insight_parse.audience(f"audiences[{place}]", each)
            for place, each in enumerate(request.audiences)
        ]
        await self._freshness.ensure(request.consistency)
        found = await self._overlap(tenant, audiences, insight_parse.caller(principal))
        return insight_render.overlaps(found)

    async def GetTransitions(
        self, request: pb.GetTransitionsRequest, context: object
    ) -> pb.GetTransitionsResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        audience = insight_parse.base("audience", request.audience)
        period = insight_parse.period("request", request)
        await self._freshness.ensure(request.consistency)
        found = await self._transitions(tenant, audience, period, insight_parse.caller(principal))
        return insight_render.transitions(found)
