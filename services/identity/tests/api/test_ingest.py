"""IngestEvents and IngestEventStream over a real channel, on both stores."""

from datetime import timedelta

import grpc
import pytest
from huaxiang.identity.v1 import ingest_service_pb2 as ingest
from huaxiang.identity.v1 import ingest_service_pb2_grpc, record_pb2
from huaxiang.type.v1 import value_pb2
from identity_records import NOW, identifiers, order, record, stamp
from kept_service import TenantsServer
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

Stub = ingest_service_pb2_grpc.IngestServiceStub
ACCEPTED, REPEATED = ingest.INGEST_STATUS_ACCEPTED, ingest.INGEST_STATUS_REPEATED
DIFFERS, REFUSED = ingest.INGEST_STATUS_DIFFERS, ingest.INGEST_STATUS_REFUSED


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


async def send(
    server: LocalServer, *records: record_pb2.Record, role: str = "source"
) -> ingest.IngestEventsResponse:
    stub = Stub(server.connect(role))
    return await stub.IngestEvents(ingest.IngestEventsRequest(records=records))


async def test_records_of_one_person_get_one_person(server: LocalServer) -> None:
    answer = await send(
        server,
        record("r1", identifiers(member_id="M1", phone="139-1234-5670")),
        record("r2", identifiers(phone="+86 13912345670", device_id="device-1")),
        record("r3", identifiers(member_id="M2")),
    )
    assert [result.status for result in answer.results] == [ACCEPTED] * 3
    first, second, third = (result.person_id for result in answer.results)
    assert first == second != third
    assert answer.revision.token


async def test_a_repeat_changes_nothing_and_a_differing_one_is_reported(server: LocalServer) -> None:
    first = await send(server, record("r1", identifiers(member_id="M1")))
    again = await send(
        server,
        record("r1", identifiers(member_id="M1")),
        record("r1", identifiers(member_id="M2")),
        record("r2", identifiers(member_id="M3")),
        record("r2", identifiers(member_id="M4")),
    )
    assert [result.status for result in again.results] == [REPEATED, DIFFERS, ACCEPTED, DIFFERS]
    assert again.results[0].person_id == again.results[1].person_id == first.results[0].person_id
    assert again.results[3].person_id == again.results[2].person_id
    assert again.results[1].refusals[0].field == "record_id"


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [
        ({"phone": "12345"}, ingest.REFUSAL_REASON_VALUE_MALFORMED),
        ({"phone": "138****1234"}, ingest.REFUSAL_REASON_VALUE_MASKED),
        ({"phone": "1.38E+10"}, ingest.REFUSAL_REASON_VALUE_ROUNDED),
        ({"phone": "13800138000"}, ingest.REFUSAL_REASON_VALUE_BLOCKED),
        ({"passport": "E1234567"}, ingest.REFUSAL_REASON_NAMESPACE_UNKNOWN),
        ({"member_id": "x" * 10_240}, ingest.REFUSAL_REASON_LIMIT_EXCEEDED),
        ({"member_id": "M\u0007"}, ingest.REFUSAL_REASON_VALUE_MALFORMED),
    ],
)
async def test_an_unusable_identifier_is_refused_by_itself(
    server: LocalServer, identifier: dict[str, str], reason: ingest.RefusalReason.ValueType
) -> None:
    answer = await send(server, record("r1", [*identifiers(**identifier), *identifiers(crm_id="C1")]))
    (result,) = answer.results
    assert result.status == ACCEPTED
    assert result.person_id > 0
    (refusal,) = result.refusals
    assert (refusal.field, refusal.reason) == ("identifiers[0]", reason)
    assert refusal.hint
    assert not set(identifier.values()) & set(refusal.hint.split())


async def test_placeholders_and_masked_values_link_nobody(server: LocalServer) -> None:
    answer = await send(
        server,
        record("r1", identifiers(member_id="M1", phone="13800138000", email="z***@qq.com")),
        record("r2", identifiers(member_id="M2", phone="13800138000", email="z***@qq.com")),
        record("r3", identifiers(phone="13800138000")),
    )
    first, second, third = (result.person_id for result in answer.results)
    assert len({first, second}) == 2
    assert third == 0


@pytest.mark.parametrize(
    ("change", "field", "reason"),
    [
        ({"time": stamp(NOW.replace(year=2199))}, "time", ingest.REFUSAL_REASON_TIME_OUT_OF_RANGE),
        ({"time": stamp(NOW.replace(year=1969))}, "time", ingest.REFUSAL_REASON_TIME_OUT_OF_RANGE),
        ({"source": "Shop!"}, "source", ingest.REFUSAL_REASON_FIELD_INVALID),
        ({"record_id": ""}, "record_id", ingest.REFUSAL_REASON_FIELD_INVALID),
        ({"record_id": "x" * 129}, "record_id", ingest.REFUSAL_REASON_LIMIT_EXCEEDED),
        ({"record_id": "a\0b"}, "record_id", ingest.REFUSAL_REASON_FIELD_INVALID),
        ({"brand": "No Brand"}, "brand", ingest.REFUSAL_REASON_FIELD_INVALID),
        ({"event": record_pb2.Event(type="Order Paid")}, "event.type", ingest.REFUSAL_REASON_FIELD_INVALID),
        (
            {"identifiers": [i for n in range(21) for i in identifiers(device_id=f"device-{n}")]},
            "identifiers",
            ingest.REFUSAL_REASON_LIMIT_EXCEEDED,
        ),
        (
            {"event": order(**{f"p{n}": value_pb2.Value(number_value=n) for n in range(65)})},
            "event.properties",
            ingest.REFUSAL_REASON_LIMIT_EXCEEDED,
        ),
        (
            {"event": order(note=value_pb2.Value(text_value="字" * 4_097))},
            "event.properties[note]",
            ingest.REFUSAL_REASON_FIELD_INVALID,
        ),
    ],
)
async def test_a_bad_record_is_refused_and_the_others_stand(
    server: LocalServer, change: dict[str, object], field: str, reason: ingest.RefusalReason.ValueType
) -> None:
    bad = record("bad", **({"identifiers": identifiers(member_id="M1")} | change))
    answer = await send(server, bad, record("good", identifiers(member_id="M2")))
    assert [result.status for result in answer.results] == [REFUSED, ACCEPTED]
    assert answer.results[0].person_id == 0
    (refusal,) = answer.results[0].refusals
    assert (refusal.field, refusal.reason) == (field, reason)
    assert refusal.hint
    mended = await send(server, record("bad", identifiers(member_id="M1")))
    if field not in ("source", "record_id"):
        assert mended.results[0].status == ACCEPTED


async def test_a_clock_a_little_ahead_is_clamped(server: LocalServer) -> None:
    ahead = stamp(NOW + timedelta(minutes=9))
    answer = await send(server, record("r1", identifiers(member_id="M1"), time=ahead))
    assert answer.results[0].status == ACCEPTED


@pytest.mark.parametrize(("count", "reason"), [(1_001, "BATCH_TOO_LARGE"), (0, "INVALID_FIELD")])
async def test_a_batch_outside_its_limits_is_refused_whole(
    server: LocalServer, count: int, reason: str
) -> None:
    batch = [record(f"r{n}", identifiers(member_id=f"M{n}")) for n in range(count)]
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await send(server, *batch)
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason_of(refused.value).reason == reason
    answer = await send(server, record("r0", identifiers(member_id="M0")))
    assert answer.results[0].status == ACCEPTED


async def test_a_caller_without_the_right_is_refused(server: LocalServer) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await send(server, record("r1", identifiers(member_id="M1")), role="viewer")
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    said = reason_of(refused.value)
    assert (said.reason, said.metadata["right"]) == ("RIGHT_MISSING", "identity.events.write")


async def test_tenants_never_meet(server: LocalServer) -> None:
    await send(server, record("r1", identifiers(member_id="M1", phone="13912345670")))
    stub = Stub(server.connect("source", "t2"))
    answer = await stub.IngestEvents(
        ingest.IngestEventsRequest(records=[record("r1", identifiers(phone="13912345670"))])
    )
    assert answer.results[0].status == ACCEPTED
    assert answer.results[0].person_id == 1


async def test_a_stream_answers_each_message_in_order(server: LocalServer) -> None:
    messages = [
        ingest.IngestEventStreamRequest(
            batch=ingest.IngestEventsRequest(
                records=[record(f"r{n}-{m}", identifiers(member_id=f"M{m}")) for m in range(n % 5 + 1)]
            )
        )
        for n in range(30)
    ]
    stub = Stub(server.connect("source"))
    answers = [answer async for answer in stub.IngestEventStream(iter(messages))]
    assert [len(answer.batch.results) for answer in answers] == [n % 5 + 1 for n in range(30)]
    assert {result.status for answer in answers for result in answer.batch.results} == {ACCEPTED}
    assert len({result.person_id for answer in answers for result in answer.batch.results}) == 5


async def test_an_error_ends_the_stream_and_what_was_answered_stands(server: LocalServer) -> None:
    good = ingest.IngestEventsRequest(records=[record("r1", identifiers(member_id="M1"))])
    after = ingest.IngestEventsRequest(records=[record("r2", identifiers(member_id="M2"))])
    messages = [ingest.IngestEventStreamRequest(batch=b) for b in (good, ingest.IngestEventsRequest(), after)]
    call = Stub(server.connect("source")).IngestEventStream(iter(messages))
    assert (await call.read()).batch.results[0].status == ACCEPTED
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await call.read()
    assert reason_of(refused.value).reason == "INVALID_FIELD"
    repeat = await send(
        server, record("r1", identifiers(member_id="M1")), record("r2", identifiers(member_id="M2"))
    )
    assert [result.status for result in repeat.results] == [REPEATED, ACCEPTED]
