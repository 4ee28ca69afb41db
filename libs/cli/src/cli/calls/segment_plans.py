"""How rules are answered."""

import grpc
from huaxiang.segments.v1 import plan_service_pb2 as pb
from huaxiang.segments.v1.plan_service_pb2_grpc import PlanServiceStub

from cli.calls.segments import WAIT_S, population
from cli.suite.patience import patiently


async def plan(
    channel: grpc.aio.Channel, rule: str, population_name: str, *, of_segment: bool
) -> pb.ExplainPlanResponse:
    """Of a segment's rule by its id, or of a rule."""
    if of_segment:
        request = pb.ExplainPlanRequest(segment_id=rule)
    else:
        request = pb.ExplainPlanRequest(rule=rule, population=population(population_name))
    stub = PlanServiceStub(channel)
    return await patiently(lambda: stub.ExplainPlan(request, timeout=WAIT_S))
