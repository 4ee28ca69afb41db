"""GetIdentifiers over a real channel: consent is checked per identifier, and every call is audited."""

import json

import grpc
import pytest
from huaxiang.identity.v1 import identifier_service_pb2 as pb
from huaxiang.identity.v1 import (
    identifier_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    record_pb2,
)
from identity_records import identifiers, record
from kept_service import KeptService, TenantsServer
from servicekit.status import reason_of
from sqlalchemy import text as sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONES = [f"1391234567{digit}" for digit in range(5)]


def consent(phone: str, *, granted: bool = True) -> record_pb2.Consent:
    return record_pb2.Consent(
        purpose="marketing", channel=record_pb2.CHANNEL_SMS, address=phone, granted=granted
    )


async def send(server: TenantsServer, *records: record_pb2.Record) -> None:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))


async def ask(server: TenantsServer, *person_ids: int, role: str = "service", **said: object) -> list[object]:
    defaults = {
        "person_ids": person_ids,
        "namespaces": ["member_id", "phone"],
        "purpose": "marketing",
        "reason": "a letter",
        "requester": "mia",
    }
    stub = identifier_service_pb2_grpc.IdentifierServiceStub(server.connect(role))
    answer = await stub.GetIdentifiers(pb.GetIdentifiersRequest(**(defaults | said)))
    return [
        (
            each.person_id,
            pb.IdentifiersStatus.Name(each.status).removeprefix("IDENTIFIERS_STATUS_"),
            [one.value for one in each.identifiers],
        )
        for each in answer.results
    ]


async def test_identifiers_are_served_where_consent_allows_and_audited(
    kept_server: TenantsServer, kept: KeptService
) -> None:
    await send(
        kept_server,
        record("r1", identifiers(member_id="M1", phone=PHONES[0]), consents=[consent(PHONES[0])]),
        record("r2", identifiers(member_id="M2", phone=PHONES[1])),
        record("r3", identifiers(member_id="M3", phone=PHONES[2]), consents=[consent(PHONES[2])]),
        record("r4", identifiers(email="a@example.com")),
        record("r5", identifiers(member_id="M5", phone=PHONES[3]), consents=[consent(PHONES[3])]),
        record("r6", identifiers(member_id="M5", phone=PHONES[4])),
        record("r7", identifiers(device_id="d7"), consents=[consent(PHONES[2], granted=False)]),
    )
    privacy = privacy_service_pb2_grpc.PrivacyServiceStub(kept_server.connect("admin"))
    await privacy.ErasePerson(privacy_service_pb2.ErasePersonRequest(person_id=1, reason="asked for"))
    assert await ask(kept_server, 5, 1, 2, 3, 4, 99) == [
        (5, "SERVED", ["M5", f"+86{PHONES[3]}"]),
        (0, "NO_PERSON", []),
        (2, "NO_CONSENT", []),
        (3, "WITHDRAWN", []),
        (4, "NO_IDENTIFIER", []),
        (0, "NO_PERSON", []),
    ], "the phone of r6 has no consent of its own"
    assert await ask(kept_server, 5, purpose="service") == [(5, "NO_CONSENT", [])]
    rows = kept.wiring.database.read_now(
        lambda c: (
            c.execute(
                sql("SELECT * FROM audit WHERE tenant = :tenant AND action = 'get_identifiers'"),
                {"tenant": kept_server.tenant},
            )
            .mappings()
            .all()
        )
    )
    assert [(row["subject"], row["reason"]) for row in rows] == [("service", "a letter")] * 2
    told = json.loads(rows[0]["details"])
    assert (told["requester"], told["asked"], told["served"], told["no_person"]) == ("mia", 6, 1, 2)
    assert PHONES[3] not in str([dict(row) for row in rows])


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"person_ids": range(1, 1_002)}, "BATCH_TOO_LARGE"),
        ({"person_ids": []}, "INVALID_FIELD"),
        ({"namespaces": []}, "INVALID_FIELD"),
        ({"namespaces": ["phone", "phone"]}, "INVALID_FIELD"),
        ({"namespaces": ["shoe_size"]}, "INVALID_FIELD"),
        ({"purpose": ""}, "INVALID_FIELD"),
        ({"brand": "One Two"}, "INVALID_FIELD"),
        ({"reason": " "}, "INVALID_FIELD"),
        ({"reason": "a\nb"}, "INVALID_FIELD"),
        ({"requester": "x" * 129}, "INVALID_FIELD"),
        ({"role": "admin"}, "RIGHT_MISSING"),
        ({"role": "identifier_exporter"}, "RIGHT_MISSING"),
    ],
)
async def test_a_bad_question_is_refused(
    kept_server: TenantsServer, change: dict[str, object], reason: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(kept_server, 1, **change)
    assert reason_of(refused.value).reason == reason
