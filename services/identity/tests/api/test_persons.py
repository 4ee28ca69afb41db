"""PersonService over a real channel: lookups, details, conflicts, masking, freshness."""

import asyncio

import grpc
import pytest
from huaxiang.identity.v1 import (
    identifier_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    person_pb2,
    person_service_pb2_grpc,
    record_pb2,
)
from huaxiang.identity.v1 import person_service_pb2 as persons
from huaxiang.type.v1 import revision_pb2, value_pb2
from identity_records import identifiers, record, text
from kept_service import KeptService, TenantsServer
from servicekit.revision import Revision
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer
from sqlalchemy import text as sql

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


async def send(server: LocalServer, *records: record_pb2.Record) -> ingest_service_pb2.IngestEventsResponse:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    return await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))


def stub_of(server: LocalServer, role: str = "admin") -> person_service_pb2_grpc.PersonServiceStub:
    return person_service_pb2_grpc.PersonServiceStub(server.connect(role))


async def person_of(
    server: LocalServer, person_id: int, role: str = "admin", **asked: bool
) -> person_pb2.PersonDetail:
    answer = await stub_of(server, role).GetPerson(persons.GetPersonRequest(person_id=person_id, **asked))
    return answer.person


async def test_identifiers_are_looked_up_in_order_and_create_nothing(server: LocalServer) -> None:
    sent = await send(server, record("r1", identifiers(member_id="M1", crm_id="C1", phone="13912345670")))
    person_id = sent.results[0].person_id
    asked = [
        identifier_pb2.Identifier(namespace="phone", value="0086 139 1234 5670"),
        identifier_pb2.Identifier(namespace="phone", value="13912345699"),
        identifier_pb2.Identifier(namespace="crm_id", value="C1"),
        identifier_pb2.Identifier(namespace="crm_id", value="C1", scope="pos"),
        identifier_pb2.Identifier(namespace="phone", value="139****5670"),
        identifier_pb2.Identifier(namespace="passport", value="E1"),
    ]
    request = persons.ResolveIdentifiersRequest(identifiers=asked, source="shop")
    for _ in range(2):
        answer = await stub_of(server).ResolveIdentifiers(request)
        assert [result.person_id for result in answer.results] == [person_id, 0, person_id, 0, 0, 0]
        assert [bool(result.problem) for result in answer.results] == [False] * 4 + [True] * 2


async def test_a_person_is_shown_strongest_first_and_masked(server: LocalServer) -> None:
    await send(
        server,
        record("r1", identifiers(phone="13912345670", member_id="M1001"), attributes={"city": text("上海")}),
        record("r2", identifiers(member_id="M1001"), source="crm", attributes={"name": text("张三")}),
    )
    detail = await person_of(server, 1)
    assert detail.person.state == person_pb2.PERSON_STATE_MEMBER
    assert [shown.identifier.namespace for shown in detail.identifiers] == ["member_id", "phone"]
    assert detail.identifiers[1].identifier.value == "139****70"
    assert "M1001" not in str(detail)
    assert list(detail.identifiers[0].sources) == ["crm", "shop"]
    assert detail.attributes["name"].text_value == "张三"
    assert "name" not in detail.person.attributes
    assert detail.person.attributes["city"].text_value == "上海"


async def test_values_are_shown_with_the_right_and_audited(server: TenantsServer, kept: KeptService) -> None:
    await send(server, record("r1", identifiers(phone="13912345670")))
    detail = await person_of(server, 1, show_values=True)
    assert detail.identifiers[0].identifier.value == "+8613912345670"
    rows = kept.wiring.database.read_now(
        lambda c: c.execute(
            sql("SELECT subject, action FROM audit WHERE tenant = :tenant"), {"tenant": server.tenant}
        ).all()
    )
    assert [tuple(row) for row in rows] == [(f"admin-{server.tenant}", "show_identifiers")]


async def test_readers_need_their_rights(server: LocalServer) -> None:
    await send(server, record("r1", identifiers(phone="13912345670")))
    for role, asked in (("app", {}), ("source", {"show_values": True})):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await person_of(server, 1, role, **asked)
        assert reason_of(refused.value).reason == "RIGHT_MISSING"


async def test_a_redirected_id_is_followed_and_listed(server: LocalServer) -> None:
    anonymous = (await send(server, record("r1", identifiers(device_id="device-1")))).results[0].person_id
    sent = await send(server, record("r2", identifiers(device_id="device-1", member_id="M1")))
    known = sent.results[0].person_id
    detail = await person_of(server, anonymous)
    assert detail.person.person_id == known != anonymous
    assert list(detail.redirected_person_ids) == [anonymous]


async def test_a_shared_phone_shows_as_a_conflict_of_both(server: LocalServer) -> None:
    sent = await send(
        server,
        record("r1", identifiers(member_id="M1", phone="13912345670")),
        record("r2", identifiers(member_id="M2", phone="13912345670")),
    )
    first, second = (result.person_id for result in sent.results)
    for one, other in ((first, second), (second, first)):
        conflicts = (await person_of(server, one)).conflicts
        assert (other, "phone", person_pb2.CONFLICT_REASON_SHARED) in {
            (conflict.other_person_id, conflict.namespace, conflict.reason) for conflict in conflicts
        }


async def test_two_member_ids_in_one_record_stay_apart_and_say_so(server: LocalServer) -> None:
    sent = await send(server, record("r1", [*identifiers(member_id="M1"), *identifiers(member_id="M2")]))
    conflicts = (await person_of(server, sent.results[0].person_id)).conflicts
    assert [conflict.reason for conflict in conflicts] == [person_pb2.CONFLICT_REASON_UNIQUE]


async def test_survivorship_ranks_sources_and_bad_attributes_are_left_out(server: LocalServer) -> None:
    stated = identifiers(member_id="M1")
    sent = await send(
        server,
        record("r1", stated, source="crm", attributes={"gender": text("female")}),
        record("r2", stated, source="shop", attributes={"gender": text("male"), "city": text(" Ｓhanghai ")}),
        record("r3", stated, attributes={"gender": text("女"), "phone": text("13912345670")}),
        record("r4", stated, attributes={"birth_date": text("1990-01-01")}),
        record("r5", stated, attributes={"birth_date": value_pb2.Value(date_value=7_305)}),
    )
    refused = [[refusal.field for refusal in result.refusals] for result in sent.results]
    assert [sorted(fields) for fields in refused] == [
        [], [], ["attributes[gender]", "attributes[phone]"], ["attributes[birth_date]"], [],
    ]  # fmt: skip
    attributes = (await person_of(server, 1)).person.attributes
    assert {name: value.text_value or value.date_value for name, value in attributes.items()} == {
        "gender": "female",
        "city": "Shanghai",
        "birth_date": 7_305,
    }


async def test_an_unknown_person_is_not_found(server: LocalServer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await person_of(server, 99)
    assert refused.value.code() is grpc.StatusCode.NOT_FOUND


async def test_a_read_honours_the_revision_of_a_write(server: LocalServer) -> None:
    sent = await send(server, record("r1", identifiers(member_id="M1")))
    consistency = revision_pb2.Consistency(at_least_as_fresh=sent.revision)
    request = persons.GetPersonRequest(person_id=1, consistency=consistency)
    assert (await stub_of(server).GetPerson(request)).person.person.person_id == 1


@pytest.mark.parametrize(
    ("token", "reason"),
    [
        (Revision("tagging", "0" * 16, 1).token(), "REVISION_FOREIGN"),
        (Revision("identity", "0" * 16, 1).token(), "REVISION_FOREIGN"),
        ("rubbish", "REVISION_MALFORMED"),
    ],
)
async def test_a_foreign_revision_is_refused(server: LocalServer, token: str, reason: str) -> None:
    consistency = revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub_of(server).GetPerson(persons.GetPersonRequest(person_id=1, consistency=consistency))
    assert reason_of(refused.value).reason == reason


async def test_a_revision_not_reached_ends_with_the_deadline(server: LocalServer, kept: KeptService) -> None:
    head = kept.wiring.database.read_now(kept.wiring.changelog.head)
    ahead = Revision("identity", head.epoch, head.position + 1).to_proto()
    request = persons.GetPersonRequest(
        person_id=1, consistency=revision_pb2.Consistency(at_least_as_fresh=ahead)
    )
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub_of(server).GetPerson(request, timeout=0.5)
    assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_lookups_over_the_limit_are_refused(server: LocalServer) -> None:
    request = persons.ResolveIdentifiersRequest(identifiers=identifiers(phone="13912345670") * 1_001)
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub_of(server).ResolveIdentifiers(request)
    assert reason_of(refused.value).reason == "BATCH_TOO_LARGE"


async def test_parallel_batches_of_one_person_make_one_person(server: LocalServer) -> None:
    batches = [
        send(server, record(f"r{n}", identifiers(member_id="M1", device_id=f"device-{n}"))) for n in range(20)
    ]
    answers = await asyncio.gather(*batches)
    assert len({answer.results[0].person_id for answer in answers}) == 1
    assert len((await person_of(server, 1)).person.keys) == 21
