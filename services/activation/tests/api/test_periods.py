"""Named periods over gRPC: one person proposes, another approves."""

import grpc
import pytest
from activation_world import World
from huaxiang.activation.v1 import campaign_pb2, policy_pb2, policy_service_pb2_grpc
from huaxiang.activation.v1 import policy_service_pb2 as pb
from servicekit.status import reason_of

CAP = policy_pb2.Cap(
    message_class=campaign_pb2.MESSAGE_CLASS_MARKETING, period=policy_pb2.CAP_PERIOD_DAY, limit=3
)
PROPOSED, APPROVED = policy_pb2.NAMED_PERIOD_STATE_PROPOSED, policy_pb2.NAMED_PERIOD_STATE_APPROVED
WITHDRAWN = policy_pb2.NAMED_PERIOD_STATE_WITHDRAWN


def stub(world: World, role: str = "marketer") -> policy_service_pb2_grpc.PolicyServiceStub:
    assert world.server is not None
    return policy_service_pb2_grpc.PolicyServiceStub(world.server.connect(role, "t1"))


def period(name: str = "double11-2026", **fields: object) -> policy_pb2.NamedPeriod:
    days = {"first_day": "2026-11-01", "last_day": "2026-11-11", "caps": [CAP]}
    return policy_pb2.NamedPeriod(**({"name": name} | days | fields))


async def propose(world: World, stated: policy_pb2.NamedPeriod) -> policy_pb2.NamedPeriod:
    return (await stub(world).ProposePeriod(pb.ProposePeriodRequest(period=stated))).period


async def approve(world: World, name: str, role: str) -> policy_pb2.NamedPeriod:
    return (await stub(world, role).ApprovePeriod(pb.ApprovePeriodRequest(name=name))).period


async def refused(call: object) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call  # type: ignore[misc]
    return reason_of(raised.value).reason


async def in_force(world: World) -> tuple[int, list[str]]:
    policy = (await stub(world).GetPolicy(pb.GetPolicyRequest())).policy
    assert {each.state for each in policy.periods} <= {APPROVED}
    return policy.version, [each.name for each in policy.periods]


async def test_a_period_comes_into_force_by_a_second_person_and_goes_again(still_world: World) -> None:
    world = still_world
    stored = await propose(world, period())
    assert (stored.state, stored.approved_by, bool(stored.proposed_by)) == (PROPOSED, "", True)
    assert await propose(world, period()) == stored
    assert await refused(propose(world, period(last_day="2026-11-12"))) == "ALREADY_EXISTS"
    assert await refused(approve(world, "double11-2026", "marketer")) == "SECOND_PERSON_NEEDED"
    assert await in_force(world) == (0, [])
    approved = await approve(world, "double11-2026", "admin")
    assert approved.state == APPROVED
    assert approved.approved_by not in ("", approved.proposed_by)
    assert await approve(world, "double11-2026", "admin") == approved
    assert await in_force(world) == (1, ["double11-2026"])
    await propose(world, period("singles", first_day="2026-11-11", last_day="2026-11-12"))
    assert await refused(approve(world, "singles", "admin")) == "STATE_CONFLICT"
    update = pb.UpdatePolicyRequest(policy=policy_pb2.Policy(caps=[CAP]))
    assert [each.name for each in (await stub(world).UpdatePolicy(update)).policy.periods] == [
        "double11-2026"
    ]
    withdraw = pb.WithdrawPeriodRequest(name="double11-2026")
    assert (await stub(world).WithdrawPeriod(withdraw)).period.state == WITHDRAWN
    assert await in_force(world) == (3, [])
    assert (await stub(world).WithdrawPeriod(withdraw)).period.state == WITHDRAWN
    assert await refused(approve(world, "double11-2026", "admin")) == "STATE_CONFLICT"
    assert (await approve(world, "singles", "admin")).state == APPROVED
    page = await stub(world).ListPeriods(pb.ListPeriodsRequest(page_size=1))
    assert [each.name for each in page.periods] == ["double11-2026"]
    rest = await stub(world).ListPeriods(pb.ListPeriodsRequest(page_size=1, page_token=page.next_page_token))
    assert ([each.name for each in rest.periods], rest.next_page_token) == (["singles"], "")


@pytest.mark.parametrize(
    "fields", [{"first_day": "1 November"}, {"last_day": "2026-11-31"}, {"caps": []}, {"name": "Double 11"}]
)
async def test_a_period_that_makes_no_sense_is_refused(still_world: World, fields: dict[str, object]) -> None:
    assert await refused(propose(still_world, period(**fields))) == "INVALID_FIELD"
    assert await refused(approve(still_world, "none", "admin")) == "NOT_FOUND"
