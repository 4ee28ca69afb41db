"""A tenant's own namespace is taken from messages that other processes would prepare, too."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from huaxiang.identity.v1 import (
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    policy_service_pb2,
    policy_service_pb2_grpc,
)
from identity.api.ingest_servicer import MIN_PREPARER_BYTES
from identity.api.preparers import Preparers
from identity.main import wire
from identity.standards.load import policy_document
from identity_records import identifiers, record
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.testing.servers import serving


@pytest.fixture
def preparers(secret: bytes) -> Iterator[Preparers]:
    made = Preparers(1, secret)
    yield made
    made.close()


async def test_large_messages_may_name_it(
    tmp_path: Path, secret: bytes, clock: ManualClock, preparers: Preparers
) -> None:
    database = Database.open(f"sqlite:///{tmp_path / 'identity.db'}")
    wiring = wire(database, secret, clock, ("tagging",), preparers=preparers)
    records = [
        record(f"r{n}", identifiers(loyalty_no=f"AB{n:06}", phone=f"139{n + 12_345_000:08}"))
        for n in range(200)
    ]
    sent = ingest_service_pb2.IngestEventsRequest(records=records)
    assert len(sent.SerializeToString()) > MIN_PREPARER_BYTES
    document = json.loads(policy_document())
    document["namespaces"].append({"name": "loyalty_no", "grade": "strong", "scope": "tenant", "form": "id"})
    async with serving(wiring.services, tmp_path, name="identity") as server:
        policies = policy_service_pb2_grpc.PolicyServiceStub(server.connect("admin"))
        await policies.ReplayPolicy(
            policy_service_pb2.ReplayPolicyRequest(document=json.dumps(document), reason="loyalty")
        )
        ingest = ingest_service_pb2_grpc.IngestServiceStub(server.connect("admin"))
        answer = await ingest.IngestEvents(sent)
    assert len({result.person_id for result in answer.results}) == len(records)
    refused = [refusal for result in answer.results for refusal in result.refusals]
    assert not refused
    await wiring.ingest.close()
    await database.close()
