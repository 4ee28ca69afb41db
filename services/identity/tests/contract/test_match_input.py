"""What matching reads of a tenant, on both stores."""

from collections.abc import Mapping

import pytest
from huaxiang.identity.v1 import ingest_service_pb2, ingest_service_pb2_grpc
from huaxiang.type.v1 import value_pb2
from identity.api.encoding import plain_value
from identity.app.matching.read_rows import MatchInput, ReadRows
from identity.main import Wiring
from identity.standards.load import load_standards
from identity.store.sql import open_stores
from identity.store.vault import KeyVault
from identity_records import identifiers, record, text
from servicekit.testing.servers import LocalServer

STANDARDS = load_standards()
YES, NO = value_pb2.Value(bool_value=True), value_pb2.Value(bool_value=False)


async def say(server: LocalServer, record_id: str, values: Mapping[str, value_pb2.Value], **ids: str) -> None:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    sent = record(record_id, identifiers(**ids), attributes=values)
    answer = await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=[sent]))
    assert answer.results[0].status == ingest_service_pb2.INGEST_STATUS_ACCEPTED


def names_read(wiring: Wiring, secret: bytes) -> list[str]:
    read_rows = ReadRows(STANDARDS.attributes, KeyVault(secret), lambda value: str(plain_value(value)))

    def read(connection: object) -> MatchInput:
        stores = open_stores(connection, wiring.changelog)  # type: ignore[arg-type]
        return read_rows(stores, "t1", STANDARDS.policy)

    return sorted(profile.name for profile in wiring.database.read_now(read).rows.profiles)


async def test_who_objects_to_profiling_takes_no_part(
    server: LocalServer, wiring: Wiring, secret: bytes
) -> None:
    await say(server, "a1", {"name": text("李明")}, crm_id="C1", phone="13912345670")
    await say(server, "b1", {"name": text("王芳")}, crm_id="C2", phone="13912345671")
    assert names_read(wiring, secret) == ["李明", "王芳"]
    await say(server, "a2", {"no_profiling": YES}, phone="13912345670")
    assert names_read(wiring, secret) == ["王芳"], "said at another key of the person"
    await say(server, "b2", {"no_profiling": NO}, crm_id="C2")
    assert names_read(wiring, secret) == ["王芳"]


@pytest.mark.parametrize("source", ["shop", "crm"])
async def test_an_objection_joins_the_person_with_the_key(
    server: LocalServer, wiring: Wiring, secret: bytes, source: str
) -> None:
    await say(server, "a1", {"no_profiling": YES}, phone="13912345670")
    await say(server, "a2", {"name": text("李明")}, taobao_id="T1")
    assert names_read(wiring, secret) == ["李明"]
    await say(server, "a3", {}, taobao_id="T1", phone="13912345670")
    assert names_read(wiring, secret) == []
