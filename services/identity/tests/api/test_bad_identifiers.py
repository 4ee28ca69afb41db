"""Identifiers as broken systems send them, and what a record may say of them, over a real channel."""

import json
from datetime import timedelta
from itertools import pairwise

import pytest
import pytest_asyncio
from huaxiang.identity.v1 import identifier_pb2, policy_service_pb2, policy_service_pb2_grpc, record_pb2
from huaxiang.identity.v1 import ingest_service_pb2 as ingest
from identity_desk import Desk, named
from identity_records import NOW, identifiers, order, record, stamp, text
from kept_service import TenantsServer
from servicekit.testing.servers import LocalServer

PHONE, OTHER_PHONE = "13912345670", "13912345671"

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


@pytest_asyncio.fixture(loop_scope="module")
async def desk(server: LocalServer) -> Desk:
    return Desk(server)


async def send(desk: Desk, *records: record_pb2.Record) -> list[ingest.IngestResult]:
    return list((await desk.ingest.IngestEvents(ingest.IngestEventsRequest(records=records))).results)


@pytest.mark.parametrize(
    "bad",
    [
        {"passport": "E1234567"},
        {"member_id": "x" * 10_240},
        {"member_id": "\U0001f600" * 10_240},
        {"wechat_openid": "o\u0000pen-id-0001"},
        {"device_id": "dev\u202eice-0001"},
        {"phone": "139\u200b12345670\u0007"},
        {"email": "a@example.com\r\nBcc: b@example.com"},
    ],
    ids=lambda bad: next(iter(bad)),
)
async def test_the_event_stays_when_every_identifier_is_refused(desk: Desk, bad: dict[str, str]) -> None:
    alone = record("r1", identifiers(**bad), event=order())
    beside = record("r2", [*identifiers(**bad), *identifiers(crm_id="C1")], event=order())
    for result, person in zip(await send(desk, alone, beside), (False, True), strict=True):
        assert result.status == ingest.INGEST_STATUS_ACCEPTED
        assert [refusal.field for refusal in result.refusals] == ["identifiers[0]"]
        assert bool(result.person_id) == person


async def test_a_thousand_identifiers_are_refused_with_their_record_and_the_next_stands(desk: Desk) -> None:
    many = record("many", [i for n in range(1_000) for i in identifiers(device_id=f"device-{n:04d}")])
    refused, taken = await send(desk, many, record("one", identifiers(device_id="device-0001")))
    assert refused.status == ingest.INGEST_STATUS_REFUSED
    assert [(each.field, each.reason) for each in refused.refusals] == [
        ("identifiers", ingest.REFUSAL_REASON_LIMIT_EXCEEDED)
    ]
    assert (taken.status, len((await desk.detail(taken.person_id)).identifiers)) == (
        ingest.INGEST_STATUS_ACCEPTED,
        1,
    )


async def test_a_cycle_of_binds_and_unbinds_ends_as_its_last_word(desk: Desk) -> None:
    ring = [("member_id", "M1"), ("phone", PHONE), ("email", "a@example.com"), ("member_id", "M1")]
    kinds = [record_pb2.LINK_KIND_BIND, record_pb2.LINK_KIND_UNBIND] * 10
    sent: list[record_pb2.Record] = []
    for turn, kind in enumerate(kinds):
        for step, (one, other) in enumerate(pairwise(ring)):
            pair = [identifier_pb2.Identifier(namespace=name, value=value) for name, value in (one, other)]
            time = stamp(NOW - timedelta(minutes=len(kinds) - turn))
            sent.append(record(f"{turn}-{step}", pair, time=time, link_kind=kind))
    persons = {result.person_id for result in await send(desk, *reversed(sent))}
    assert not (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    bound = record("last", identifiers(member_id="M1", phone=PHONE), link_kind=record_pb2.LINK_KIND_BIND)
    (result,) = await send(desk, bound)
    assert (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    assert not (await desk.why(named(member_id="M1"), named(email="a@example.com"))).linked
    assert result.person_id in persons


async def test_what_is_unverified_waits_for_proof_where_the_policy_asks_for_it(
    server: LocalServer, desk: Desk
) -> None:
    policies = policy_service_pb2_grpc.PolicyServiceStub(server.connect("admin"))
    read = await policies.GetPolicy(policy_service_pb2.GetPolicyRequest())
    document = json.loads(read.policy.document)
    for item in document["namespaces"]:
        item["verified_only"] = item["name"] == "phone"
    await policies.ReplayPolicy(
        policy_service_pb2.ReplayPolicyRequest(document=json.dumps(document), reason="a test")
    )
    proof = [
        identifier_pb2.Identifier(namespace="member_id", value="M1"),
        identifier_pb2.Identifier(namespace="phone", value=PHONE),
    ]
    await send(desk, record("claimed", proof))
    assert not (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked
    proof[1].verified = True
    await send(desk, record("proved", proof))
    assert (await desk.why(named(member_id="M1"), named(phone=PHONE))).linked


async def test_what_each_source_says_of_an_attribute_is_shown(desk: Desk) -> None:
    said = [("shop", "Lin"), ("crm", "Lin Yi"), ("app", "yi")]
    person = 0
    for source, name in said:
        proof = identifier_pb2.Identifier(namespace="member_id", value="M1", verified=source == "crm")
        (result,) = await send(
            desk, record(source, [proof], source=source, attributes={"name": text(name), "city": text("x")})
        )
        person = result.person_id
    detail = await desk.detail(person)
    shown = [each for each in detail.attribute_sources if each.name == "name"]
    assert {each.source: each.value.text_value for each in shown} == dict(said)
    assert {each.source for each in shown if each.verified} == {"crm"}
    assert detail.attributes["name"] == shown[0].value
