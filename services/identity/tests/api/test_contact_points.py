"""GetContactPoints over a real channel: consent is checked per address, at the suite's time of the call."""

from datetime import date, timedelta

import grpc
import pytest
from huaxiang.identity.v1 import contact_point_service_pb2 as contact
from huaxiang.identity.v1 import (
    contact_point_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    record_pb2,
)
from huaxiang.type.v1 import value_pb2
from identity_records import NOW, identifiers, record, stamp, text
from kept_service import KeptService, TenantsServer
from servicekit.clock import ManualClock
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer
from servicekit.values import days_of
from sqlalchemy import text as sql

pytestmark = pytest.mark.asyncio(loop_scope="module")

PHONE = "13912345670"
E164 = "+8613912345670"
SMS, WECHAT = record_pb2.CHANNEL_SMS, record_pb2.CHANNEL_WECHAT


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


def point(address: str = PHONE, **fields: object) -> record_pb2.ContactPoint:
    return record_pb2.ContactPoint(**({"channel": SMS, "address": address} | fields))


def consent(granted: bool, address: str = PHONE, **fields: object) -> record_pb2.Consent:
    defaults = {"purpose": "marketing", "channel": SMS, "address": address, "granted": granted}
    return record_pb2.Consent(**(defaults | fields))


async def send(server: LocalServer, *records: record_pb2.Record) -> ingest_service_pb2.IngestEventsResponse:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    return await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))


async def ask(server: LocalServer, *person_ids: int, **fields: object) -> list[contact.PersonContactPoint]:
    defaults = {"person_ids": person_ids, "purpose": "marketing", "channel": SMS, "reason": "campaign 1"}
    stub = contact_point_service_pb2_grpc.ContactPointServiceStub(server.connect())
    answer = await stub.GetContactPoints(contact.GetContactPointsRequest(**(defaults | fields)))
    return list(answer.results)


async def status(server: LocalServer, **fields: object) -> str:
    (result,) = await ask(server, 1, **fields)
    assert bool(result.address) == (result.status == contact.CONTACT_POINT_STATUS_PERMITTED)
    return contact.ContactPointStatus.Name(result.status).removeprefix("CONTACT_POINT_STATUS_")


async def test_answers_come_in_order_with_address_or_reason(server: LocalServer) -> None:
    await send(
        server,
        record("r1", identifiers(member_id="M1"), contact_points=[point()], consents=[consent(True)]),
        record("r2", identifiers(member_id="M2"), contact_points=[point("13912345671")]),
        record("r3", identifiers(member_id="M3")),
    )
    results = await ask(server, 3, 1, 99, 2, 1)
    assert [result.person_id for result in results] == [3, 1, 0, 2, 1]
    assert [result.status for result in results] == [
        contact.CONTACT_POINT_STATUS_NO_ADDRESS,
        contact.CONTACT_POINT_STATUS_PERMITTED,
        contact.CONTACT_POINT_STATUS_NO_PERSON,
        contact.CONTACT_POINT_STATUS_NO_CONSENT,
        contact.CONTACT_POINT_STATUS_PERMITTED,
    ]
    assert results[1].address == E164
    assert results[1].address_hash


async def test_taking_back_works_at_once_and_for_all_who_have_the_address(server: LocalServer) -> None:
    await send(
        server,
        record("r1", identifiers(member_id="M1"), contact_points=[point()], consents=[consent(True)]),
        record("r2", identifiers(member_id="M2"), contact_points=[point("+86 139-1234-5670")]),
    )
    assert {r.status for r in await ask(server, 1, 2)} == {contact.CONTACT_POINT_STATUS_PERMITTED}
    await send(server, record("r3", identifiers(device_id="device-1"), consents=[consent(False)]))
    assert {r.status for r in await ask(server, 1, 2)} == {contact.CONTACT_POINT_STATUS_WITHDRAWN}


async def test_a_permission_lapses_with_the_suites_clock(server: LocalServer, clock: ManualClock) -> None:
    until = consent(True, expire_time=stamp(NOW + timedelta(days=30)))
    await send(server, record("r1", identifiers(member_id="M1"), contact_points=[point()], consents=[until]))
    assert await status(server) == "PERMITTED"
    clock.advance(timedelta(days=30))
    assert await status(server) == "WITHDRAWN"


async def test_purpose_channel_scope_and_brand_are_asked_for_exactly(server: LocalServer) -> None:
    openid = "oLVPpjqs9BhvzwPj5A-vTYAX3GLc"
    wechat = {"channel": WECHAT, "scope": "wx1"}
    await send(
        server,
        record(
            "r1",
            identifiers(member_id="M1"),
            brand="one",
            contact_points=[point(), point(openid, **wechat)],
            consents=[consent(True), consent(True, openid, **wechat)],
        ),
    )
    assert await status(server, brand="one") == "PERMITTED"
    assert await status(server, brand="two") == "NO_CONSENT"
    assert await status(server) == "NO_CONSENT"
    assert await status(server, brand="one", purpose="service") == "NO_CONSENT"
    assert await status(server, brand="one", **wechat) == "PERMITTED"
    assert await status(server, brand="one", channel=WECHAT, scope="wx2") == "NO_ADDRESS"


async def test_the_most_recently_stated_permitted_address_is_given(server: LocalServer) -> None:
    def stated(record_id: str, phone: str, days: int, granted: bool) -> record_pb2.Record:
        return record(
            record_id,
            identifiers(member_id="M1"),
            time=stamp(NOW - timedelta(days=days)),
            contact_points=[point(phone)],
            consents=[consent(granted, phone)],
        )

    await send(
        server,
        stated("r1", "13912345670", 3, True),
        stated("r2", "13912345671", 2, True),
        stated("r3", "13912345672", 1, False),
    )
    assert (await ask(server, 1))[0].address == "+8613912345671"
    await send(server, stated("r4", "13912345670", 0, True))
    assert (await ask(server, 1))[0].address == E164


async def test_a_merge_never_widens_permission(server: LocalServer) -> None:
    await send(
        server,
        record("r1", identifiers(member_id="M1"), contact_points=[point()]),
        record("r2", identifiers(device_id="device-1"), contact_points=[point("13912345671")],
               consents=[consent(True, "13912345671")]),
        record("r3", identifiers(member_id="M1", device_id="device-1")),
    )  # fmt: skip
    assert (await ask(server, 1))[0].address == "+8613912345671"


async def test_every_call_leaves_one_audit_row_without_addresses(
    server: TenantsServer, kept: KeptService
) -> None:
    await send(
        server, record("r1", identifiers(member_id="M1"), contact_points=[point()], consents=[consent(True)])
    )
    await ask(server, 1, 99)
    (row,) = kept.wiring.database.read_now(
        lambda c: (
            c.execute(sql("SELECT * FROM audit WHERE tenant = :tenant"), {"tenant": server.tenant})
            .mappings()
            .all()
        )
    )
    assert (row["action"], row["reason"], row["subject"]) == ("get_contact_points", "campaign 1", "service")
    assert PHONE not in str(dict(row))


async def test_nothing_readable_is_stored_of_identifiers_and_addresses(
    server: LocalServer, kept: KeptService
) -> None:
    await send(
        server,
        record(
            "r1",
            identifiers(phone=PHONE, member_id="M-secret-1"),
            contact_points=[point()],
            consents=[consent(True)],
        ),
    )
    tables = ["records", "keys", "edges", "sightings", "persons", "contact_points", "consents", "changelog"]
    for table in tables:
        rows = kept.wiring.database.read_now(
            lambda c, table=table: [tuple(row) for row in c.execute(sql(f"SELECT * FROM {table}"))]
        )
        assert rows
        assert PHONE not in str(rows)
        assert "M-secret-1" not in str(rows)


@pytest.mark.parametrize(
    ("stated", "field"),
    [
        (point("123"), "contact_points[0].address"),
        (point("13800138000"), "contact_points[0].address"),
        (point(channel=record_pb2.CHANNEL_UNSPECIFIED), "contact_points[0].channel"),
        (point(scope="wx1"), "contact_points[0].scope"),
        (consent(True, "12"), "consents[0].address"),
        (consent(True, purpose="Marketing!"), "consents[0].purpose"),
        (consent(True, text_version="x" * 65), "consents[0].text_version"),
        (consent(True, time=stamp(NOW.replace(year=2199))), "consents[0].time"),
    ],
)
async def test_a_bad_address_or_consent_is_left_out(
    server: LocalServer, stated: record_pb2.ContactPoint | record_pb2.Consent, field: str
) -> None:
    part = {"contact_points" if isinstance(stated, record_pb2.ContactPoint) else "consents": [stated]}
    sent = await send(server, record("r1", identifiers(member_id="M1"), **part))
    assert sent.results[0].status == ingest_service_pb2.INGEST_STATUS_ACCEPTED
    assert [refusal.field for refusal in sent.results[0].refusals] == [field]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"person_ids": range(1, 1_002)}, "BATCH_TOO_LARGE"),
        ({"person_ids": []}, "INVALID_FIELD"),
        ({"purpose": ""}, "INVALID_FIELD"),
        ({"channel": record_pb2.CHANNEL_UNSPECIFIED}, "INVALID_FIELD"),
        ({"reason": ""}, "INVALID_FIELD"),
    ],
)
async def test_a_bad_question_is_refused(server: LocalServer, change: dict[str, object], reason: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await ask(server, 1, **change)
    assert reason_of(refused.value).reason == reason


async def test_an_answer_says_where_a_person_is_and_what_shields_it(server: LocalServer) -> None:
    day = {"date_value": days_of(date(2012, 5, 2))}
    child = {"birth_date": value_pb2.Value(**day), "time_zone": text("America/New_York")}
    adult = {"birth_date": value_pb2.Value(date_value=days_of(date(2012, 5, 1))), "time_zone": text("Mars")}
    objects = {"no_profiling": value_pb2.Value(bool_value=True)}
    await send(
        server,
        record("r1", identifiers(member_id="M1"), attributes=child),
        record("r2", identifiers(member_id="M2"), attributes=adult),
        record("r3", identifiers(member_id="M3"), attributes=objects),
    )
    results = await ask(server, 1, 2, 3, 99)
    said = [(result.time_zone, result.minor, result.no_profiling) for result in results]
    assert said == [
        ("America/New_York", True, False),
        ("Asia/Shanghai", False, False),
        ("Asia/Shanghai", False, True),
        ("", False, False),
    ]


async def test_a_merged_person_brings_the_birth_keys_of_those_it_was(server: LocalServer) -> None:
    phone, other = {"phone": PHONE}, {"phone": "13912345671"}
    await send(
        server,
        record("r1", identifiers(**phone)),
        record("r2", identifiers(**other)),
        record("r3", identifiers(crm_id="C3")),
    )
    before = await ask(server, 1, 2, 3)
    assert [list(each.merged_birth_key_ids) for each in before] == [[], [], []]
    await send(server, record("r4", identifiers(crm_id="C3", **phone)))
    after = await ask(server, 1, 2, 3)
    keys = [each.birth_key_id for each in before]
    assert [each.person_id for each in after] == [1, 2, 1]
    assert [each.birth_key_id for each in after] == [keys[0], keys[1], keys[0]]
    assert [list(each.merged_birth_key_ids) for each in after] == [[keys[2]], [], [keys[2]]]
