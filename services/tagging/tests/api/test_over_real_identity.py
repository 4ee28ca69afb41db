"""Tagging over identity itself, both served: what goes in at the front door arrives here."""

import asyncio
import datetime as dt
import secrets
from collections.abc import AsyncIterator
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from huaxiang.identity.v1 import (
    identifier_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    privacy_service_pb2,
    privacy_service_pb2_grpc,
    record_pb2,
)
from huaxiang.tagging.v1 import lake_service_pb2, lake_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2, value_pb2
from scripted_identity import RunningTagging, running
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.revision import Revision, parse_token
from servicekit.testing.servers import LocalServer, serving

identity_main = pytest.importorskip("identity.main", reason="identity is not installed here")
NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
LIVE, BULK = revision_pb2.LANE_LIVE, revision_pb2.LANE_BULK


@pytest.fixture
async def front_door(tmp_path: Path) -> AsyncIterator[LocalServer]:
    folder = tmp_path / "identity"
    database = Database.open(f"sqlite:///{folder / 'identity.db'}", synchronous="NORMAL")
    wiring = identity_main.wire(
        database, secrets.token_bytes(32), ManualClock(NOW), ("tagging",), erasers=("tagging",)
    )
    async with serving(wiring.services, folder, name="identity") as server:
        yield server
    await wiring.ingest.close()
    await database.close()


@pytest.fixture
async def tagging(
    migrated_url: str, tmp_path: Path, front_door: LocalServer
) -> AsyncIterator[RunningTagging]:
    settings = {"erase_files_after_s": 0.0, "lake_readers_s": 0.0}
    async with running(migrated_url, tmp_path / "tagging", front_door.target, **settings) as started:
        yield started


def order(record_id: str, amount: int = 0, **identifiers: str) -> record_pb2.Record:
    properties = {"amount": value_pb2.Value(number_value=amount), "mood": value_pb2.Value(text_value="good")}
    return record_pb2.Record(
        source="shop",
        record_id=record_id,
        time=Timestamp(seconds=int(NOW.timestamp()) - 60),
        identifiers=[
            identifier_pb2.Identifier(namespace=name, value=value) for name, value in identifiers.items()
        ],
        event=record_pb2.Event(type="order_paid", properties=properties) if amount else None,
        attributes={"city": value_pb2.Value(text_value="上海")},
    )


async def ingest(
    server: LocalServer, *records: record_pb2.Record, lane: int = LIVE
) -> tuple[list[int], Revision]:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    request = ingest_service_pb2.IngestEventsRequest(records=records, lane=lane)  # type: ignore[arg-type]
    answer = await stub.IngestEvents(request)
    return [result.person_id for result in answer.results], parse_token(answer.revision.token)


async def test_events_and_persons_of_the_front_door_arrive(
    front_door: LocalServer, tagging: RunningTagging
) -> None:
    (person_id,), live = await ingest(front_door, order("o1", 990_000, member_id="M1", phone="13671234509"))
    (same,), bulk = await ingest(front_door, order("o2", 10_000, phone="13671234509"), lane=BULK)
    assert same == person_id
    await tagging.reach(live)
    await tagging.reach(bulk)
    facts = tagging.store.facts
    read = tagging.store.database.read_now
    events = read(facts.events.of_persons, "t1", [person_id])[person_id]
    assert [(event.event_id, event.properties["amount"]) for event in events] == [
        ("o1", 990_000),
        ("o2", 10_000),
    ]
    assert [event.extra for event in events] == [{"mood": "good"}] * 2
    known = read(facts.key_map.persons, "t1", [person_id])[person_id]
    assert known.attributes == {"city": "上海"}
    assert known.state.name == "MEMBER"


async def test_persons_that_turn_out_to_be_one_are_merged(
    front_door: LocalServer, tagging: RunningTagging
) -> None:
    (one,), _ = await ingest(front_door, order("o1", 10_000, member_id="M1"))
    (other,), _ = await ingest(front_door, order("o2", 20_000, phone="13671234509"))
    assert one != other
    (merged,), revision = await ingest(front_door, order("r3", member_id="M1", phone="13671234509"))
    await tagging.reach(revision)
    facts, read = tagging.store.facts, tagging.store.database.read_now
    living = read(facts.key_map.living, "t1", [one, other])
    assert {asked: person.person_id for asked, person in living.items()} == {one: merged, other: merged}
    events = read(facts.events.of_persons, "t1", [merged])[merged]
    assert [event.event_id for event in events] == ["o1", "o2"]


async def test_an_erased_person_is_masked_at_once_and_gone_when_confirmed(
    front_door: LocalServer, tagging: RunningTagging
) -> None:
    """In rows and in files, those of persons among them; the events of others stay."""
    people, revision = await ingest(
        front_door,
        order("o1", 10_000, member_id="M1"),
        order("o2", 20_000, member_id="M2"),
        order("o3", 30_000, member_id="M1"),
    )
    await tagging.reach(revision)
    lake = lake_service_pb2_grpc.LakeServiceStub(tagging.server.connect("admin"))
    await lake.FlushLake(lake_service_pb2.FlushLakeRequest())
    await ingest(front_door, order("o4", 40_000, member_id="M1"))
    facts, store = tagging.store.facts, tagging.store
    held = store.database.read_now(store.persons.held, "t1")
    name = store.persons.write("t1", held)
    store.database.write_now(store.persons.name, "t1", name, held.change)
    privacy = privacy_service_pb2_grpc.PrivacyServiceStub(front_door.connect("admin"))
    request = privacy_service_pb2.ErasePersonRequest(person_id=people[0], reason="request 1")
    erased = await privacy.ErasePerson(request)
    await tagging.reach(parse_token(erased.revision.token))
    assert not store.database.read_now(facts.key_map.living, "t1", [people[0]])
    assert not store.database.read_now(facts.key_map.persons, "t1", people)[people[0]].attributes
    status = privacy_service_pb2.GetErasureRequest(person_id=people[0])
    for _ in range(100):
        confirmed = {
            each.service: each.HasField("time")
            for each in (await privacy.GetErasure(status)).erasure.confirmations
        }
        if confirmed["tagging"]:
            break
        await asyncio.sleep(0.1)
    assert confirmed["tagging"]
    assert list((store.folder / "persons" / "t1").iterdir()) == []
    files = store.database.read_now(store.manifest.files, "t1")
    stored = [path for path in store.lake.root.rglob("*") if path.is_file()]
    assert [store.lake.path(file) for file in files] == [str(path) for path in stored]
    assert [event for path in stored for event in pq.read_table(path)["event_id"].to_pylist()] == ["o2"]
    left, _ = store.database.read_now(store.manifest.recent, "t1", 0, 100)
    assert list(left.event_ids) == ["o2"]
    other = store.database.read_now(facts.events.of_persons, "t1", [people[1]])[people[1]]
    assert [event.event_id for event in other] == ["o2"]
