"""EstimateReach over gRPC: whom each account reaches now, and what holds back the rest."""

import grpc
import pytest
from activation_neighbours import NO_CONSENT, WITHDRAWN
from activation_world import ACCOUNTS, OFFER, PUSH, SMS, WECHAT, World, address, campaigns_pb2
from huaxiang.activation.v1 import (
    campaign_pb2,
    policy_pb2,
    policy_service_pb2,
    policy_service_pb2_grpc,
    suppression_service_pb2,
    suppression_service_pb2_grpc,
)
from servicekit.status import reason_of

MARKETING = campaign_pb2.MESSAGE_CLASS_MARKETING


async def estimate(world: World, **fields: object) -> campaigns_pb2.EstimateReachResponse:
    request = campaigns_pb2.EstimateReachRequest(
        **({"snapshot_id": "snap", "message_class": MARKETING} | fields)
    )
    return await world.campaigns().EstimateReach(request)


def told(answer: campaigns_pb2.EstimateReachResponse) -> dict[str, tuple[int, dict, dict]]:
    return {
        each.provider_account: (each.reachable, dict(each.waiting), dict(each.held_back))
        for each in answer.accounts
    }


async def test_each_account_tells_whom_it_reaches_and_what_holds_back_the_rest(any_world: World) -> None:
    world = any_world
    world.audience(12, SMS, PUSH)
    world.identity.statuses = {1: NO_CONSENT, 2: WITHDRAWN}
    world.identity.minors, world.identity.objectors = {3}, {4}
    world.identity.sensitive = {"minors": {3: NO_CONSENT}}
    world.identity.zones = {5: "America/New_York"}
    world.identity.addresses[6, 1] = "+85251234567"
    world.identity.addresses[7, 1] = address(SMS, 8)
    assert world.server is not None
    channel = world.server.connect("marketer", "t1")
    cap = policy_pb2.Cap(message_class=MARKETING, channel="sms", period=policy_pb2.CAP_PERIOD_DAY, limit=1)
    await policy_service_pb2_grpc.PolicyServiceStub(channel).UpdatePolicy(
        policy_service_pb2.UpdatePolicyRequest(policy=policy_pb2.Policy(caps=[cap]))
    )
    await suppression_service_pb2_grpc.SuppressionServiceStub(channel).AddSuppressions(
        suppression_service_pb2.AddSuppressionsRequest(
            addresses=[suppression_service_pb2.SuppressedAddress(channel="sms", address=address(SMS, 9))],
            scope=suppression_service_pb2.SUPPRESSION_SCOPE_TOPIC,
            name="summer",
        )
    )
    world.segments.snapshots["first"] = [10]
    await world.run(SMS, "c1", message_class=MARKETING, template=OFFER, snapshot_id="first")
    await world.completed("c1")
    asked = len(world.identity.asked)
    answer = await estimate(world, topic="summer")
    shielded = {"no_consent": 1, "withdrawn": 1, "minor": 1, "no_profiling": 1}
    assert told(answer) == {
        ACCOUNTS[SMS]: (
            3,
            {"quiet_hours": 1},
            shielded | {"address_malformed": 1, "duplicate_address": 1, "suppressed": 1, "capped_day": 1},
        ),
        ACCOUNTS[PUSH]: (7, {"quiet_hours": 1}, shielded),
        ACCOUNTS[WECHAT]: (0, {}, {"class_refused": 12}),
    }
    assert (answer.member_count, answer.looked_at_count, answer.policy_version) == (12, 12, 1)
    assert {each.reason for each in world.identity.asked[asked:]} == {"campaign reach of snap"}
    assert world.count("SELECT count(*) FROM delivery") == 1
    assert world.count("SELECT count(*) FROM campaign") == 1
    notice = await estimate(
        world,
        message_class=campaign_pb2.MESSAGE_CLASS_TRANSACTIONAL,
        provider_accounts=[ACCOUNTS[SMS]],
    )
    refused = {"no_consent": 1, "withdrawn": 1, "address_malformed": 1, "duplicate_address": 1}
    assert told(notice) == {ACCOUNTS[SMS]: (8, {}, refused)}


async def test_a_large_snapshot_is_looked_at_by_a_sample_and_scaled(still_world: World) -> None:
    world = still_world
    world.audience(400, PUSH)
    world.identity.statuses = dict.fromkeys(range(1, 401, 2), NO_CONSENT)
    answer = await estimate(world, provider_accounts=[ACCOUNTS[PUSH]], max_looked_at=100)
    assert (answer.member_count, answer.looked_at_count) == (400, 100)
    ((reachable, _, held_back),) = told(answer).values()
    assert reachable + held_back["no_consent"] == 400
    assert reachable % 4 == 0
    assert 120 <= reachable <= 280
    assert await estimate(world, provider_accounts=[ACCOUNTS[PUSH]], max_looked_at=100) == answer
    world.segments.snapshots["empty"] = []
    assert told(await estimate(world, snapshot_id="empty", provider_accounts=[ACCOUNTS[PUSH]])) == {
        ACCOUNTS[PUSH]: (0, {}, {})
    }


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"message_class": 0}, "INVALID_FIELD"),
        ({"max_looked_at": 20_001}, "INVALID_FIELD"),
        ({"provider_accounts": ["nobody"]}, "ACCOUNT_UNKNOWN"),
        ({"snapshot_id": "gone"}, "SNAPSHOT_UNKNOWN"),
    ],
)
async def test_a_question_that_makes_no_sense_is_refused(
    still_world: World, fields: dict[str, object], reason: str
) -> None:
    still_world.audience(1)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await estimate(still_world, **fields)
    assert reason_of(refused.value).reason == reason


async def test_the_control_group_is_not_reached(world: World) -> None:
    world.audience(20, SMS)
    assert world.server is not None
    policies = policy_service_pb2_grpc.PolicyServiceStub(world.server.connect("marketer", "t1"))
    await policies.UpdatePolicy(
        policy_service_pb2.UpdatePolicyRequest(policy=policy_pb2.Policy(control_basis_points=5_000))
    )
    reachable, _, held_back = told(await estimate(world))[ACCOUNTS[SMS]]
    await world.run(SMS, "c1", message_class=MARKETING, template=OFFER)
    report = await world.completed("c1")
    assert held_back == {"control_group": report.holdout}
    assert reachable == report.delivered == 20 - report.holdout > 0
    assert report.holdout > 0
