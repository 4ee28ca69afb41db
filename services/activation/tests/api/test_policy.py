"""A tenant's policy over gRPC: stored, in force for running campaigns, and told of every delivery."""

import grpc
import pytest
from activation.workers import contact_points
from activation_neighbours import NO_CONSENT
from activation_world import OFFER, PUSH, SMS, S, World
from huaxiang.activation.v1 import campaign_pb2, policy_pb2, policy_service_pb2_grpc
from huaxiang.activation.v1 import policy_service_pb2 as pb
from servicekit.status import reason_of

MARKETING = campaign_pb2.MESSAGE_CLASS_MARKETING
DAY = policy_pb2.CAP_PERIOD_DAY


def stub(world: World, role: str = "marketer") -> policy_service_pb2_grpc.PolicyServiceStub:
    assert world.server is not None
    return policy_service_pb2_grpc.PolicyServiceStub(world.server.connect(role, "t1"))


def cap(limit: int, **fields: object) -> policy_pb2.Cap:
    return policy_pb2.Cap(**({"message_class": MARKETING, "period": DAY, "limit": limit} | fields))


async def update(world: World, etag: str = "", **fields: object) -> policy_pb2.Policy:
    request = pb.UpdatePolicyRequest(policy=policy_pb2.Policy(**fields), etag=etag)
    return (await stub(world).UpdatePolicy(request)).policy


async def test_a_policy_is_stored_by_version_and_checked(still_world: World) -> None:
    world = still_world
    default = (await stub(world).GetPolicy(pb.GetPolicyRequest())).policy
    assert (default.version, default.subject, len(default.caps)) == (0, "", 0)
    assert (default.marketing_hours.start, default.marketing_hours.end) == ("08:00", "21:00")
    assert not default.HasField("transactional_hours")
    hours = policy_pb2.Hours(start="09:30", end="20:00")
    first = await update(world, default.etag, caps=[cap(2, channel="sms")], marketing_hours=hours)
    assert (first.version, first.marketing_hours, list(first.caps)) == (1, hours, [cap(2, channel="sms")])
    assert first.subject
    assert first.HasField("update_time")
    assert await update(world, caps=[cap(2, channel="sms")], marketing_hours=hours) == first
    assert (await update(world, first.etag)).version == 2
    assert (await stub(world).GetPolicy(pb.GetPolicyRequest(version=1))).policy == first
    with pytest.raises(grpc.aio.AioRpcError) as stale:
        await update(world, first.etag, caps=[cap(1)])
    assert reason_of(stale.value).reason == "ETAG_STALE"
    with pytest.raises(grpc.aio.AioRpcError) as nothing:
        await stub(world).GetPolicy(pb.GetPolicyRequest(version=9))
    assert reason_of(nothing.value).reason == "NOT_FOUND"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"caps": [cap(1, period=0)]}, "policy.caps[0].period"),
        ({"caps": [cap(1, message_class=0)]}, "policy.caps[0].message_class"),
        ({"caps": [cap(1), cap(2)]}, "policy.caps[1]"),
        ({"marketing_hours": policy_pb2.Hours(start="8:00", end="21:00")}, "policy.marketing_hours.start"),
        ({"marketing_hours": policy_pb2.Hours(start="21:00", end="08:00")}, "policy.marketing_hours"),
        ({"control_basis_points": -1}, "policy.control_basis_points"),
    ],
)
async def test_what_breaks_its_limits_is_refused_by_field(
    still_world: World, fields: dict[str, object], field: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await update(still_world, **fields)
    found = reason_of(refused.value)
    assert (found.reason, found.metadata["field"]) == ("INVALID_FIELD", field)


async def test_a_cap_holds_across_channels_merges_and_is_told(any_world: World) -> None:
    world = any_world
    world.audience(4, SMS, PUSH)
    await update(world, caps=[cap(1)])
    await world.run(SMS, "c1", message_class=MARKETING, template=OFFER)
    assert (await world.completed("c1")).delivered == 4
    world.identity.merged = {5: 4}
    world.audience(5, PUSH)
    await world.run(PUSH, "c2", message_class=MARKETING)
    report = await world.completed("c2")
    assert (dict(report.suppressed), report.delivered) == ({"capped_day": 5}, 0)
    told = await world.deliveries().ExplainDelivery(S.ExplainDeliveryRequest(campaign_id="c2", person_id=5))
    assert (told.decision.policy_version, told.decision.local_day) == (1, "2026-06-11")
    assert told.decision.time_zone == "Asia/Shanghai"
    assert [(each.cap, each.count) for each in told.decision.caps] == [(cap(1), 1)]
    assert told.explanation == (
        "Not sent: policy version 1 allows 1 marketing messages a day, and the person had 1."
    )
    told = await world.deliveries().ExplainDelivery(S.ExplainDeliveryRequest(campaign_id="c1", person_id=1))
    assert [each.count for each in told.decision.caps] == [0]
    assert told.explanation == "Sent, and delivered."


async def test_children_and_who_objects_to_profiling_are_shielded_from_marketing(world: World) -> None:
    world.audience(5, SMS)
    world.identity.minors, world.identity.objectors = {1, 2}, {3}
    world.identity.sensitive = {"minors": {2: NO_CONSENT}}
    await world.run(SMS, "c1", message_class=MARKETING, template=OFFER)
    report = await world.completed("c1")
    assert (dict(report.suppressed), report.delivered) == ({"minor": 1, "no_profiling": 1}, 3)
    asked = {(each.purpose, tuple(each.person_ids)) for each in world.identity.asked}
    assert asked == {("marketing", (1, 2, 3, 4, 5)), ("minors", (1, 2))}
    await world.run(SMS, "c2", message_class=MARKETING, template=OFFER, broadcast=True)
    assert dict((await world.completed("c2")).suppressed) == {"minor": 1}
    await world.run(SMS, "c3")
    assert not (await world.completed("c3")).suppressed


async def test_marketing_is_not_sent_on_a_consent_that_was_asked_for_too_long_ago(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    persons = world.audience(3, SMS, PUSH)
    monkeypatch.setattr(contact_points, "CONSENT_S", -1.0)
    await world.run(SMS, "c1", message_class=MARKETING, template=OFFER)
    await world.until(lambda _: len(world.identity.asked) > 3, "c1")
    await world.run(PUSH, "c2")
    assert (await world.completed("c2")).delivered == len(persons)
    assert len(world.effects()) == len(persons)
    assert (await world.get("c1")).report.accepted == 0
    monkeypatch.setattr(contact_points, "CONSENT_S", 1.0)
    assert (await world.completed("c1")).delivered == len(persons)
    assert set(world.received().values()) == {1}
