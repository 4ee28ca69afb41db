"""How rules are answered, over a real channel."""

from typing import Any

import grpc
import pytest
from huaxiang.segments.v1 import plan_service_pb2 as pb
from huaxiang.segments.v1 import plan_service_pb2_grpc, segment_pb2
from servicekit.status import reason_of


async def explain(suite: Any, role: str = "admin", **asked: Any) -> pb.ExplainPlanResponse:
    stub = plan_service_pb2_grpc.PlanServiceStub(suite.server.connect(role))
    return await stub.ExplainPlan(pb.ExplainPlanRequest(**asked))  # type: ignore[no-any-return]


async def test_a_plan_tells_the_parts_of_a_rule(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    rule = "NOT points > 5 AND IN SEGMENT 'women' AND COUNT(order_paid) >= 1"
    answer = await explain(suite, rule=rule)
    assert answer.count == answer.plan.step.left_count
    assert answer.plan.evaluator == pb.PLAN_EVALUATOR_BITMAPS
    assert "bitmaps are as fast" in answer.plan.because
    origins = {each.text: (each.origin, each.count) for each in answer.plan.step.steps}
    assert origins["IN SEGMENT 'women'"] == (pb.PLAN_ORIGIN_SEGMENT, 2)
    assert origins["NOT points > 5"] == (pb.PLAN_ORIGIN_PARTS, 2)
    ((behaviour, _),) = (found for text, found in origins.items() if "order_paid" in text)
    assert behaviour == pb.PLAN_ORIGIN_ASKED_FEATURES
    assert next(each.text for each in answer.plan.step.steps) == "IN SEGMENT 'women'", (
        "its size is known at once"
    )
    assert not answer.plan.step.HasField("estimated_count")
    assert answer.freshness.population_count == 3


async def test_a_plan_of_a_segment_is_that_of_its_rule_with_whom_limit_and_sample_leave(suite: Any) -> None:
    await suite.create("women", "gender = 'female'")
    answer = await explain(suite, segment_id="women")
    assert (answer.canonical_rule, answer.count) == ("gender = 'female'", 2)
    assert not answer.plan.narrowings
    rule = "gender IN ('female', 'male') SAMPLE 99.9999% SEED 's' LIMIT 1 BY points DESC"
    answer = await explain(suite, rule=rule)
    assert (answer.plan.step.left_count, answer.count) == (3, 1)
    told = [(each.text, each.from_count, each.left_count) for each in answer.plan.narrowings]
    assert told == [("SAMPLE 99.9999% SEED 's'", 3, 3), ("LIMIT 1 BY points DESC", 3, 1)]


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({}, "INVALID_FIELD"),
        ({"segment_id": "nobody"}, "NOT_FOUND"),
        ({"segment_id": "guests"}, "STATE_CONFLICT"),
        ({"rule": "gendre = 'female'"}, "RULE_INVALID"),
    ],
)
async def test_what_has_no_plan_is_refused(suite: Any, asked: dict[str, str], reason: str) -> None:
    if asked.get("segment_id") == "guests":
        await suite.create("guests", "", kind=segment_pb2.SEGMENT_KIND_STATIC)
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await explain(suite, **asked)
    assert reason_of(error.value).reason == reason
