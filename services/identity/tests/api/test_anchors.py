"""What comes back of a delivery: a record without identifiers, anchored on the key that GetContactPoints gave."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from huaxiang.identity.v1 import (
    change_pb2,
    change_service_pb2,
    change_service_pb2_grpc,
    contact_point_service_pb2,
    contact_point_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    record_pb2,
)
from identity.api.contact_point_servicer import ContactPointServicer
from identity.api.encoding import ProtoEncoding
from identity.api.transactions import Transactions
from identity.app.get_contact_points import GetContactPoints
from identity.store.ports import Stores
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from identity_records import identifiers, record
from kept_service import KeptService, TenantsServer
from servicekit.clock import ManualClock
from servicekit.freshness import Freshness
from servicekit.server import Service
from servicekit.testing.servers import LocalServer, serving
from sqlalchemy import Connection

pytestmark = pytest.mark.asyncio(loop_scope="module")

ACCEPTED = ingest_service_pb2.INGEST_STATUS_ACCEPTED
REFUSED = ingest_service_pb2.INGEST_STATUS_REFUSED


@pytest.fixture
def server(kept_server: TenantsServer) -> TenantsServer:
    return kept_server


async def send(
    server: LocalServer, *records: record_pb2.Record, role: str = "service", tenant: str = "t1"
) -> list[ingest_service_pb2.IngestResult]:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect(role, tenant))
    answer = await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records))
    return list(answer.results)


async def birth_keys(server: LocalServer, *person_ids: int, tenant: str | None = None) -> list[int]:
    stub = contact_point_service_pb2_grpc.ContactPointServiceStub(server.connect(tenant=tenant))
    answer = await stub.GetContactPoints(
        contact_point_service_pb2.GetContactPointsRequest(
            person_ids=person_ids, purpose="marketing", channel=record_pb2.CHANNEL_SMS, reason="campaign 1"
        )
    )
    return [result.birth_key_id for result in answer.results]


def told(record_id: str, anchor_key_id: int, **fields: Any) -> record_pb2.Record:
    defaults = {"source": "activation", "event": record_pb2.Event(type="message_delivered")}
    return record(record_id, (), anchor_key_id=anchor_key_id, **(defaults | fields))


async def events(server: TenantsServer) -> list[change_pb2.ResolvedEvent]:
    stub = change_service_pb2_grpc.ChangeServiceStub(server.connect())
    found = stub.ExportEvents(change_service_pb2.ExportEventsRequest())
    return [event async for part in found if part.tenant == server.tenant for event in part.events]


async def test_an_event_about_a_send_belongs_to_the_person_and_follows_its_merge(
    server: TenantsServer,
) -> None:
    await send(
        server, record("r1", identifiers(member_id="M1")), record("r2", identifiers(phone="13912345670"))
    )
    first, second, nobody = await birth_keys(server, 1, 2, 99)
    assert 0 not in (first, second)
    assert first != second
    assert nobody == 0
    results = await send(server, told("d1", second))
    assert [(result.status, result.person_id) for result in results] == [(ACCEPTED, 2)]
    (event,) = await events(server)
    assert (event.anchor_key_id, list(event.other_key_ids)) == (second, [])
    await send(server, record("r3", identifiers(member_id="M1", phone="13912345670")))
    assert await birth_keys(server, 2) == [first]
    repeated, later = await send(server, told("d1", second), told("d2", second))
    assert (repeated.status, repeated.person_id) == (ingest_service_pb2.INGEST_STATUS_REPEATED, 1)
    assert (later.status, later.person_id) == (ACCEPTED, 1)


@pytest.mark.parametrize("role", ["source", "admin"])
async def test_only_services_name_anchors(server: TenantsServer, role: str) -> None:
    await send(server, record("r1", identifiers(member_id="M1")))
    (result,) = await send(server, told("d1", 1), role=role)
    assert result.status == REFUSED
    assert result.refusals[0].field == "anchor_key_id"
    assert await events(server) == []


@pytest.mark.parametrize(
    ("anchor_key_id", "fields"),
    [
        (99, {}),
        (2**63, {}),
        (2, {}),
        (1, {"source": "shop"}),
        (1, {"identifiers": identifiers(member_id="M2")}),
    ],
    ids=["unknown", "out of range", "blocked", "another source", "beside identifiers"],
)
async def test_an_anchor_that_is_no_use_is_refused_alone(
    server: TenantsServer, anchor_key_id: int, fields: dict[str, Any]
) -> None:
    await send(server, record("r1", identifiers(member_id="M1", device_id="unknown")))
    refused, taken = await send(server, told("d1", anchor_key_id, **fields), told("d2", 1))
    assert (refused.status, refused.person_id) == (REFUSED, 0)
    assert [refusal.field for refusal in refused.refusals] == ["anchor_key_id"]
    assert (taken.status, taken.person_id) == (ACCEPTED, 1)
    assert [event.event_id for event in await events(server)] == ["d2"]


async def test_an_anchor_is_a_key_of_the_callers_tenant(server: LocalServer) -> None:
    await send(server, record("r1", identifiers(member_id="M1")))
    (result,) = await send(server, told("d1", 1), tenant="t2")
    assert result.status == REFUSED


async def test_a_merge_while_contact_points_are_read_does_not_tear_the_answer(
    server: TenantsServer, kept: KeptService, secret: bytes, clock: ManualClock, tmp_path: Path
) -> None:
    await send(
        server, record("r1", identifiers(member_id="M1")), record("r2", identifiers(phone="13912345670"))
    )
    loop, wiring = asyncio.get_running_loop(), kept.wiring

    class MergingKeys:
        """Merges both persons after the persons were read and before their keys are."""

        def __init__(self, stores: Stores) -> None:
            self._stores = stores

        def of_persons(self, tenant: str, person_ids: set[int]) -> Any:
            merging = send(server, record("r3", identifiers(member_id="M1", phone="13912345670")))
            asyncio.run_coroutine_threadsafe(merging, loop).result(10)
            return self._stores.keys.of_persons(tenant, person_ids)

    def opened(connection: Connection) -> Stores:
        stores = open_stores(connection, wiring.changelog)
        return replace(stores, keys=MergingKeys(stores))  # type: ignore[arg-type]  # the one method that is called

    servicer = ContactPointServicer(
        Transactions(wiring.database, opened),
        Freshness.of_store(wiring.database, wiring.changelog),
        GetContactPoints(KeyVault(secret), clock, ProtoEncoding(), "identity"),
    )
    service = Service(
        contact_point_service_pb2.DESCRIPTOR.services_by_name["ContactPointService"],
        contact_point_service_pb2_grpc.add_ContactPointServiceServicer_to_server,
        servicer,
    )
    folder = tmp_path / "interrupted"
    folder.mkdir()
    async with serving([service], folder, tenants=[server.tenant]) as interrupted:
        first, second = await birth_keys(interrupted, 1, 2, tenant=server.tenant)
    assert first != second, "the answer is of the moment before the merge"
    assert await birth_keys(server, 1, 2) == [first, first]
