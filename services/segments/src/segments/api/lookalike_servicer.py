"""LookalikeService: parse, call one use case, render."""

from collections.abc import AsyncIterator, Mapping

from huaxiang.segments.v1 import insight_pb2
from huaxiang.segments.v1 import lookalike_service_pb2 as pb
from huaxiang.segments.v1.lookalike_service_pb2_grpc import LookalikeServiceServicer
from segments.api import insight_parse, insight_render, parse
from segments.app.insight.learning import Model
from segments.app.insight.lookalike import Lookalike, LookalikeQuestion, Quality
from segments.domain.insight.lookalike.encoding import Feature
from servicekit.calls import current_principal
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.freshness import Freshness

MAX_TAGS = 50
MAX_EXCLUSIONS = 10
MAX_EXPANSION = 1_000_000
PERSONS_PER_MESSAGE = 65_536
_MODELS: Mapping[int, Model] = {
    pb.LOOKALIKE_MODEL_UNSPECIFIED: Model.LOG_ODDS,
    pb.LOOKALIKE_MODEL_LOG_ODDS: Model.LOG_ODDS,
    pb.LOOKALIKE_MODEL_LOGISTIC: Model.LOGISTIC,
}


class LookalikeServicer(LookalikeServiceServicer):
    """Persons like those of a seed."""

    def __init__(self, lookalike: Lookalike, freshness: Freshness) -> None:
        self._lookalike = lookalike
        self._freshness = freshness

    async def EvaluateLookalike(
        self, request: pb.EvaluateLookalikeRequest, context: object
    ) -> pb.EvaluateLookalikeResponse:
        principal = current_principal()
        tenant = principal.require_tenant()
        question = question_of(request.question)
        await self._freshness.ensure(request.consistency)
        found = await self._lookalike.evaluate(tenant, question, insight_parse.caller(principal))
        return pb.EvaluateLookalikeResponse(
            seed=insight_render.persons(found.seed),
            candidate_count=found.candidates,
            evaluation=_quality(found.quality),
            weights=[_weight(feature, weight) for feature, weight in found.weights],
            evaluation_token=found.token,
            basis=insight_render.basis(found.basis),
        )

    async def ExpandLookalike(
        self, request: pb.ExpandLookalikeRequest, context: object
    ) -> AsyncIterator[pb.ExpandLookalikeResponse]:
        principal = current_principal()
        tenant = principal.require_tenant()
        question = question_of(request.question)
        if not 1 <= request.person_count <= MAX_EXPANSION:
            problem = f"is {request.person_count}, the limits are 1 and {MAX_EXPANSION}"
            raise InvalidField("person_count", problem)
        await self._freshness.ensure(request.consistency)
        found = await self._lookalike.expand(
            tenant, question, request.person_count, request.evaluation_token, insight_parse.caller(principal)
        )
        for start in range(0, len(found.person_ids), PERSONS_PER_MESSAGE):
            some = found.person_ids[start : start + PERSONS_PER_MESSAGE]
            part = pb.ExpandLookalikeResponse(person_ids=some.astype("<u4").tobytes())
            if start == 0:
                part.total_count = len(found.person_ids)
                part.lowest_score = found.lowest
                part.evaluation.CopyFrom(_quality(found.quality))
                part.basis.CopyFrom(insight_render.basis(found.basis))
            yield part


def question_of(message: pb.LookalikeQuestion) -> LookalikeQuestion:
    """Raises InvalidField, BatchTooLarge."""
    if len(message.exclusions) > MAX_EXCLUSIONS:
        raise BatchTooLarge("question.exclusions", len(message.exclusions), MAX_EXCLUSIONS)
    parse.bounded("question.tag_ids", message.tag_ids, MAX_TAGS)
    if len(set(message.tag_ids)) < len(message.tag_ids):
        raise InvalidField("question.tag_ids", "name a tag twice")
    if message.model not in _MODELS:
        raise InvalidField("question.model", f"{message.model} is no model of this version")
    return LookalikeQuestion(
        seed=insight_parse.audience("question.seed", message.seed),
        among=insight_parse.base("question.among", message.among),
        exclusions=tuple(
            insight_parse.audience(f"question.exclusions[{place}]", each)
            for place, each in enumerate(message.exclusions)
        ),
        tag_ids=tuple(message.tag_ids),
        model=_MODELS[message.model],
        chance=message.chance,
    )


def _quality(found: Quality) -> pb.LookalikeEvaluation:
    evaluation = found.evaluation
    return pb.LookalikeEvaluation(
        auc=evaluation.auc,
        lift_by_decile=evaluation.lifts,
        seed_persons=evaluation.seed_persons,
        other_persons=evaluation.other_persons,
        warnings=found.warnings,
    )


def _weight(feature: Feature, weight: float) -> pb.LookalikeWeight:
    cell = insight_pb2.ValueCell() if feature.cell is None else insight_render.cell(feature.cell)
    return pb.LookalikeWeight(tag_id=feature.tag_id, cell=cell, unknown=feature.unknown, weight=weight)
