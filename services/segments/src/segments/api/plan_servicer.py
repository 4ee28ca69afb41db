"""PlanService: how rules are answered."""

from collections.abc import Mapping

from huaxiang.segments.v1 import plan_service_pb2 as pb
from huaxiang.segments.v1.plan_service_pb2_grpc import PlanServiceServicer
from segments.api import parse, render
from segments.app.explain_plan import ExplainPlan
from segments.domain.plan import Evaluator, Origin, Plan, Step
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness

_EVALUATORS: Mapping[Evaluator, pb.PlanEvaluator.ValueType] = {
    Evaluator.BLOCK_ENGINE: pb.PLAN_EVALUATOR_BLOCK_ENGINE,
    Evaluator.PERSON_BY_PERSON: pb.PLAN_EVALUATOR_PERSON_BY_PERSON,
    Evaluator.BITMAPS: pb.PLAN_EVALUATOR_BITMAPS,
}
_ORIGINS: Mapping[Origin, pb.PlanOrigin.ValueType] = {
    Origin.PARTS: pb.PLAN_ORIGIN_PARTS,
    Origin.NOTHING: pb.PLAN_ORIGIN_NOTHING,
    Origin.TAGS: pb.PLAN_ORIGIN_TAGS,
    Origin.FEATURES: pb.PLAN_ORIGIN_FEATURES,
    Origin.ASKED_FEATURES: pb.PLAN_ORIGIN_ASKED_FEATURES,
    Origin.SEGMENT: pb.PLAN_ORIGIN_SEGMENT,
}


class PlanServicer(PlanServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(self, explain: ExplainPlan, freshness: Freshness) -> None:
        self._explain = explain
        self._freshness = freshness

    async def ExplainPlan(self, request: pb.ExplainPlanRequest, context: object) -> pb.ExplainPlanResponse:
        principal = current_principal()
        tenant, may_read = principal.require_tenant(), parse.grades_of(principal)
        await self._freshness.ensure(request.consistency)
        match request.WhichOneof("asked"):
            case "segment_id":
                found = await self._explain.of_segment(tenant, request.segment_id, may_read)
            case "rule":
                population = parse.population(request.population)
                found = await self._explain.of_rule(tenant, request.rule, population, may_read)
            case _:
                raise InvalidField("asked", "is missing: name a segment or a rule")
        return pb.ExplainPlanResponse(
            canonical_rule=found.canonical_rule,
            plan=_plan(found.plan),
            count=found.count,
            freshness=render.freshness(found.freshness),
            revision=found.read_at.to_proto(),
        )


def _plan(plan: Plan) -> pb.Plan:
    return pb.Plan(
        evaluator=_EVALUATORS[plan.evaluator],
        because=plan.because,
        block_count=plan.blocks,
        kept=plan.kept,
        step=_step(plan.step),
        narrowings=[
            pb.PlanNarrowing(
                text=each.text, from_count=each.persons, left_count=each.left, elapsed_us=each.elapsed_us
            )
            for each in plan.narrowings
        ],
    )


def _step(step: Step) -> pb.PlanStep:
    return pb.PlanStep(
        text=step.text,
        origin=_ORIGINS[step.origin],
        evaluator=_EVALUATORS[step.evaluator],
        estimated_count=step.estimated,
        count=step.persons,
        left_count=step.left,
        bytes=step.bytes,
        elapsed_us=step.elapsed_us,
        skipped_block_count=step.skipped_blocks,
        steps=[_step(each) for each in step.steps],
    )
