"""How rules are answered."""

import grpc
from huaxiang.segments.v1 import plan_service_pb2 as pb
from huaxiang.segments.v1.plan_service_pb2_grpc import PlanServiceStub

from cli.calls.segments import WAIT_S, population
from cli.suite.patience import patiently


def of_segment(segment_id: str) -> pb.ExplainPlanRequest:
    """Of a segment's rule."""
    return pb.ExplainPlanRequest(segment_id=segment_id)


def of_rule(rule: str, population_name: str) -> pb.ExplainPlanRequest:
    """Of a rule, among known, member or all. Raises Refusal."""
    return pb.ExplainPlanRequest(rule=rule, population=population(population_name))


async def plan(channel: grpc.aio.Channel, wanted: pb.ExplainPlanRequest) -> pb.ExplainPlanResponse:
    """How it is answered; runs it."""
    stub = PlanServiceStub(channel)
    return await patiently(lambda: stub.ExplainPlan(wanted, timeout=WAIT_S))
