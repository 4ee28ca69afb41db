"""PolicyService over a real channel: read, simulate, replay, refuse."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
import pytest_asyncio
from huaxiang.identity.v1 import (
    identifier_pb2,
    ingest_service_pb2,
    person_pb2,
    person_service_pb2,
    policy_pb2,
    policy_service_pb2_grpc,
)
from huaxiang.identity.v1 import policy_service_pb2 as pb
from identity.main import wire
from identity_desk import Desk, named
from identity_records import identifiers, record
from kept_service import KeptService, TenantsServer
from servicekit.clock import ManualClock
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = "13912345670"


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


@pytest_asyncio.fixture(loop_scope="module")
async def desk(server: LocalServer) -> Desk:
    return Desk(server)


@pytest_asyncio.fixture(loop_scope="module")
async def policies(server: LocalServer) -> policy_service_pb2_grpc.PolicyServiceStub:
    return policy_service_pb2_grpc.PolicyServiceStub(server.connect("admin"))


async def document(policies: policy_service_pb2_grpc.PolicyServiceStub, **words: dict[str, Any]) -> str:
    """The policy in force with other words for some namespaces."""
    found = json.loads((await policies.GetPolicy(pb.GetPolicyRequest())).policy.document)
    for item in found["namespaces"]:
        item.update(words.get(item["name"], {}))
    return json.dumps(found)


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return reason_of(caught.value).reason, str(caught.value.details())


async def test_a_staff_phone_is_blocked_after_a_look_at_the_effect(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub, server: TenantsServer
) -> None:
    person = await desk.say(member_id="M1", phone=PHONE)
    await desk.say(member_id="M2")
    await desk.say(member_id="M3")
    wanted = await document(policies, phone={"blocked_values": [PHONE]})
    told = (await policies.SimulatePolicy(pb.SimulatePolicyRequest(document=wanted))).effect
    assert (told.persons_before, told.persons_after, told.persons_split, told.persons_merged) == (3, 4, 1, 0)
    assert told.largest_before[0] == policy_pb2.Cluster(person_id=person, key_count=2)
    request = pb.ReplayPolicyRequest(document=wanted, reason="the phone at the till", expected_version=0)
    request.validate_only = True
    tried = await policies.ReplayPolicy(request)
    assert (tried.version, tried.effect, tried.HasField("revision")) == (1, told, False)
    assert (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    request.validate_only = False
    done = await policies.ReplayPolicy(request)
    assert (done.version, done.effect) == (1, told)
    assert not (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    await desk.say(member_id="M1", phone=PHONE)
    assert not (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    again = await policies.ReplayPolicy(request)
    assert (again.version, again.effect) == (1, policy_pb2.PolicyEffect())
    read = (await policies.GetPolicy(pb.GetPolicyRequest())).policy
    assert (read.version, read.actor, read.reason, read.in_force) == (
        1,
        f"admin-{server.tenant}",
        "the phone at the till",
        True,
    )
    built_in = (await policies.GetPolicy(pb.GetPolicyRequest(version=0))).policy
    assert not built_in.in_force
    back = await policies.ReplayPolicy(pb.ReplayPolicyRequest(document=built_in.document, reason="as it was"))
    assert back.version == 2
    assert (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked


async def test_a_repeated_request_answers_as_the_first_time(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub
) -> None:
    for number in (1, 2, 3):
        await desk.say(member_id=f"M{number}", phone=f"1391234567{number}")
    wanted = await document(policies, phone={"blocked_values": ["13912345671"]})
    request = pb.ReplayPolicyRequest(document=wanted, reason="the till", request_id="till-1")
    first = await policies.ReplayPolicy(request)
    assert first.effect.persons_split == 1
    assert await policies.ReplayPolicy(request) == first
    request.document = await document(policies, phone={"blocked_values": ["13912345672"]})
    assert (await refused(policies.ReplayPolicy(request)))[0] == "ALREADY_EXISTS"


async def test_a_policy_that_was_only_tried_is_forgotten(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub
) -> None:
    for number in (1, 2, 3):
        await desk.say(member_id=f"M{number}", phone=f"1391234567{number}")
    old, one, other = "13912345671", "13912345678", "13912345679"
    tried = await document(policies, phone={"blocked_values": [old, one]})
    taken = await document(policies, phone={"blocked_values": [old, other]})
    request = pb.ReplayPolicyRequest(document=tried, reason="the till", validate_only=True)
    assert (await policies.ReplayPolicy(request)).version == 1
    request = pb.ReplayPolicyRequest(document=taken, reason="the other till")
    assert (await policies.ReplayPolicy(request)).version == 1
    await desk.say(member_id="M4", phone=one)
    await desk.say(member_id="M5", phone=other)
    assert (await desk.why(named(member_id="M4"), named(phone=one))).linked
    assert not (await desk.why(named(member_id="M5"), named(phone=other))).linked


async def test_splitting_half_of_all_needs_the_number(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub
) -> None:
    await desk.say(member_id="M1", phone=PHONE)
    wanted = await document(policies, phone={"verified_only": True})
    request = pb.ReplayPolicyRequest(document=wanted, reason="only verified phones")
    assert (await refused(policies.ReplayPolicy(request)))[0] == "CONFIRMATION_NEEDED"
    request.confirm = 1
    assert (await policies.ReplayPolicy(request)).effect.persons_split == 1


async def test_a_grade_changes_states(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub
) -> None:
    person = await desk.say(phone=PHONE)
    assert (await desk.detail(person)).person.state == person_pb2.PERSON_STATE_KNOWN
    wanted = await document(policies, phone={"grade": "weak"})
    await policies.ReplayPolicy(pb.ReplayPolicyRequest(document=wanted, reason="phones are not logins here"))
    assert (await desk.detail(person)).person.state == person_pb2.PERSON_STATE_ANONYMOUS


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("no json", "not JSON"),
        ("[1]", "not a JSON object"),
        ("[" * 100_000, "not JSON"),
        ('{"max_person_keys": 200, "namespaces": []}', "namespaces"),
        (
            '{"max_person_keys": 200, "namespaces": [{"name": "phone", "grade": "strong", "limits": 3}]}',
            "document",
        ),
        ({"phone": {"form": "text"}}, "form"),
        ({"crm_id": {"scope": "tenant"}}, "scope"),
        ({"phone": {"name": "fax"}}, "add phone"),
        ({"phone": {"blocked_patterns": ["("]}}, "RE2"),
        ({"phone": {"grade": "heavy"}}, "heavy"),
        ({"phone": {"limits": {"fax": 1}}}, "fax"),
        ('{"namespaces": "' + "x" * 1_000_000 + '"}', "bytes"),
    ],
    ids=lambda words: str(words)[:30],
)
async def test_bad_policies_are_refused(
    policies: policy_service_pb2_grpc.PolicyServiceStub, words: str | dict[str, Any], said: str
) -> None:
    wanted = words if isinstance(words, str) else await document(policies, **words)
    for call, request in (
        (policies.SimulatePolicy, pb.SimulatePolicyRequest(document=wanted)),
        (policies.ReplayPolicy, pb.ReplayPolicyRequest(document=wanted, reason="a test")),
    ):
        reason, details = await refused(call(request))
        assert reason == "INVALID_FIELD"
        assert said in details


LOYALTY = {
    "name": "loyalty_no",
    "grade": "strong",
    "scope": "tenant",
    "form": "id",
    "pattern": "[A-Z]{2}[0-9]{6}",
    "max_length": 8,
    "limits": {"strong": 1, "weak": 1},
}


async def declared(policies: policy_service_pb2_grpc.PolicyServiceStub, **words: Any) -> str:
    """The policy in force with a namespace of the tenant's own in the third place."""
    found = json.loads((await policies.GetPolicy(pb.GetPolicyRequest())).policy.document)
    found["namespaces"].insert(2, LOYALTY | words)
    return json.dumps(found)


async def test_a_namespace_of_the_tenants_own(
    desk: Desk, policies: policy_service_pb2_grpc.PolicyServiceStub
) -> None:
    before = record("before", identifiers(loyalty_no="AB123456", phone=PHONE))
    sent = ingest_service_pb2.IngestEventsRequest(records=[before])
    (refusal,) = (await desk.ingest.IngestEvents(sent)).results[0].refusals
    assert (refusal.field, refusal.reason) == (
        "identifiers[0]",
        ingest_service_pb2.REFUSAL_REASON_NAMESPACE_UNKNOWN,
    )
    await policies.ReplayPolicy(
        pb.ReplayPolicyRequest(document=await declared(policies), reason="the old loyalty programme")
    )
    person = await desk.say(loyalty_no=" AB123456 ", phone=PHONE)
    assert (await desk.why(named(loyalty_no="AB123456"), named(phone=PHONE))).linked
    asked = person_service_pb2.ResolveIdentifiersRequest(
        identifiers=[
            identifier_pb2.Identifier(namespace="loyalty_no", value=value) for value in ("AB123456", "ab1")
        ]
    )
    found, misshapen = (await desk.persons.ResolveIdentifiers(asked)).results
    assert (found.person_id, found.problem) == (person, "")
    assert "at most 8 characters that match [A-Z]{2}[0-9]{6}" in misshapen.problem
    assert await desk.say(member_id="M7", loyalty_no="AB123456") == person
    await desk.unbind(named(loyalty_no="AB123456"), named(phone=PHONE))
    assert not (await desk.why(named(loyalty_no="AB123456"), named(phone=PHONE))).linked
    built_in = (await policies.GetPolicy(pb.GetPolicyRequest(version=0))).policy.document
    reason, details = await refused(
        policies.ReplayPolicy(pb.ReplayPolicyRequest(document=built_in, reason="back"))
    )
    assert reason == "STATE_CONFLICT"
    assert "loyalty_no is the one of 1 identifiers" in details


async def test_a_restarted_service_takes_it_at_once(
    server: TenantsServer, kept: KeptService, secret: bytes, clock: ManualClock, tmp_path: Path
) -> None:
    policies = policy_service_pb2_grpc.PolicyServiceStub(server.connect("admin"))
    request = pb.ReplayPolicyRequest(document=await declared(policies), reason="the old loyalty programme")
    await policies.ReplayPolicy(request)
    again = wire(kept.wiring.database, secret, clock, ("tagging",))
    async with serving(
        again.services, tmp_path / "again", name="identity", tenants=[server.tenant]
    ) as restarted:
        desk = Desk(restarted, tenant=server.tenant)
        assert await desk.say(loyalty_no="AB123456") > 0
    await again.ingest.close()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"form": "text"}, "are for the form id"),
        ({"name": "Loyalty"}, "its name is not 2 to 32"),
        ({"name": "x" * 33}, "its name is not 2 to 32"),
        ({"pattern": "("}, "RE2"),
        ({"pattern": "a" * 257}, "256"),
        ({"max_length": 129}, "max_length"),
    ],
    ids=str,
)
async def test_bad_namespaces_of_the_tenants_own_are_refused(
    policies: policy_service_pb2_grpc.PolicyServiceStub, words: dict[str, Any], said: str
) -> None:
    wanted = await declared(policies, **words)
    reason, details = await refused(policies.SimulatePolicy(pb.SimulatePolicyRequest(document=wanted)))
    assert reason == "INVALID_FIELD"
    assert said in details


async def test_unknown_versions_are_refused(policies: policy_service_pb2_grpc.PolicyServiceStub) -> None:
    assert (await refused(policies.GetPolicy(pb.GetPolicyRequest(version=3))))[0] == "NOT_FOUND"
    assert (await refused(policies.GetPolicy(pb.GetPolicyRequest(version=-3))))[0] == "INVALID_FIELD"
    wanted = await document(policies, phone={"grade": "weak"})
    request = pb.ReplayPolicyRequest(document=wanted, reason="a test", expected_version=3)
    assert (await refused(policies.ReplayPolicy(request)))[0] == "STATE_CONFLICT"
    request.reason = ""
    assert (await refused(policies.ReplayPolicy(request)))[0] == "INVALID_FIELD"
