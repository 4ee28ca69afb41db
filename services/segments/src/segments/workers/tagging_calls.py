"""What segments asks of tagging: features, columns, explanations."""

import datetime as dt
from collections.abc import AsyncIterator, Collection

import grpc
from huaxiang.tagging.v1 import feature_service_pb2, portrait_service_pb2
from huaxiang.tagging.v1.feature_service_pb2_grpc import FeatureServiceStub
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub
from huaxiang.type.v1 import explanation_pb2, revision_pb2
from rules.evaluate.meaning import Value
from segments.api import parse
from segments.app.readable import MayRead
from segments.domain.changes import PackedBlock
from segments.errors import FeatureQuota, PersonUnknown, RuleInvalid
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY
from servicekit.revision import Revision
from servicekit.status import reason_of
from servicekit.values import timestamp_of

SERVICE = "tagging"
CONSUMER = "segments"
_NOT_KEPT = {"VERSIONS_NOT_KEPT", "NOT_FOUND"}
_AWAY = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.CANCELLED,
    grpc.StatusCode.UNAUTHENTICATED,
}


def translated(error: grpc.aio.AioRpcError) -> Exception:
    """UpstreamUnavailable when tagging cannot answer now; a refusal of what was asked stays what it is, a fault."""
    return UpstreamUnavailable(SERVICE) if error.code() in _AWAY else error


class TaggingFeatures:
    """Implements RequiredFeatures and FeatureColumns."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = FeatureServiceStub(channel)

    async def require(self, tenant: str, forms: list[str]) -> None:
        request = feature_service_pb2.SetRequiredFeaturesRequest(consumer=CONSUMER, forms=forms)
        try:
            await self._stub.SetRequiredFeatures(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            reason = reason_of(error)
            if reason.reason == "FEATURE_QUOTA":
                metadata = reason.metadata
                raise FeatureQuota(metadata.get("count", "?"), metadata.get("limit", "?")) from error
            raise _of_a_form(error) from error

    async def evaluate(self, tenant: str, form: str, at_least: Revision | None) -> AsyncIterator[PackedBlock]:
        request = feature_service_pb2.EvaluateFeatureRequest(form=form, consistency=consistency(at_least))
        try:
            async for part in self._stub.EvaluateFeature(request, metadata=((TENANT_KEY, tenant),)):
                yield parse.block(tenant, 0, part.block)
        except grpc.aio.AioRpcError as error:
            raise _of_a_form(error) from error


def _of_a_form(error: grpc.aio.AioRpcError) -> Exception:
    """Tagging may not keep every form current. Where the form begins in the rule it cannot know."""
    reason = reason_of(error)
    if reason.reason == RuleInvalid.reason:
        problem, hint = reason.metadata.get("problem", ""), reason.metadata.get("suggestion", "")
        return RuleInvalid(problem, 1, 1, hint, readable=False)
    return translated(error)


class TaggingExplain:
    """Implements Explain."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PortraitServiceStub(channel)

    async def __call__(
        self, tenant: str, person_id: int, rule: str, at_least: Revision | None, may_read: MayRead
    ) -> explanation_pb2.Explanation:
        grades = [number for number, grade in parse.GRADES.items() if may_read(grade)]
        request = portrait_service_pb2.ExplainRuleRequest(
            person_id=person_id,
            rule=rule,
            consistency=consistency(at_least),
            only_grades=grades,  # type: ignore[arg-type]  # the numbers are the contract's
        )
        try:
            answer = await self._stub.ExplainRule(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            if reason_of(error).reason == PersonUnknown.reason:
                raise PersonUnknown(person_id) from error
            raise translated(error) from error
        return answer.explanation


class TaggingPast:
    """Implements PastValues."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = PortraitServiceStub(channel)

    async def __call__(
        self, tenant: str, person_id: int, tag_ids: Collection[str], at: dt.datetime
    ) -> dict[str, Value | None]:
        """One tag a call: a tag whose versions do not reach back refuses the whole portrait."""
        found: dict[str, Value | None] = {}
        for tag_id in sorted(tag_ids):
            request = portrait_service_pb2.GetPortraitRequest(
                person_id=person_id, tag_ids=[tag_id], without_timeline=True, as_of=timestamp_of(at)
            )
            try:
                answer = await self._stub.GetPortrait(request, metadata=((TENANT_KEY, tenant),))
            except grpc.aio.AioRpcError as error:
                reason = reason_of(error).reason
                if reason in _NOT_KEPT:
                    continue
                if reason == PersonUnknown.reason:
                    raise PersonUnknown(person_id) from error
                raise translated(error) from error
            for each in answer.values:
                if not each.withheld:
                    found[tag_id] = parse.value(each.value)
        return found


def consistency(at_least: Revision | None) -> revision_pb2.Consistency:
    """At least so fresh; as it is, when None."""
    if at_least is None:
        return revision_pb2.Consistency(minimize_latency=True)
    return revision_pb2.Consistency(at_least_as_fresh=at_least.to_proto())
