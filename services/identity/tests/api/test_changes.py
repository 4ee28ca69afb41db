"""ChangeService over a real channel: a consumer that watches, bootstraps and acknowledges ends equal."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial

import grpc
import pytest
from huaxiang.identity.v1 import (
    change_pb2,
    change_service_pb2_grpc,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    person_pb2,
    record_pb2,
)
from huaxiang.identity.v1 import change_service_pb2 as changes
from huaxiang.type.v1 import revision_pb2, value_pb2
from identity.main import Wiring
from identity.store.sql import open_stores
from identity.workers.trim_changes import not_stored_everywhere
from identity_records import identifiers, order, record, text
from servicekit.retention import trim
from servicekit.revision import Revision, parse_token
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer

LIVE, BULK = revision_pb2.LANE_LIVE, revision_pb2.LANE_BULK


async def send(
    server: LocalServer, *records: record_pb2.Record, lane: revision_pb2.Lane.ValueType = LIVE
) -> ingest_service_pb2.IngestEventsResponse:
    stub = ingest_service_pb2_grpc.IngestServiceStub(server.connect("source"))
    return await stub.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=records, lane=lane))


def stub_of(server: LocalServer) -> change_service_pb2_grpc.ChangeServiceStub:
    return change_service_pb2_grpc.ChangeServiceStub(server.connect())


def start_of(wiring: Wiring) -> revision_pb2.Revision:
    return Revision("identity", wiring.database.read_now(wiring.changelog.head).epoch).to_proto()


async def watched(
    server: LocalServer, after: revision_pb2.Revision, count: int, **filters: object
) -> list[tuple[int, change_pb2.Change]]:
    found: list[tuple[int, change_pb2.Change]] = []
    call = stub_of(server).Watch(changes.WatchRequest(after=after, **filters))
    async with asyncio.timeout(10):
        async for message in call:
            found += [(message.lane, change) for change in message.changes]
            if len(found) >= count:
                call.cancel()
                return found
    raise AssertionError("the stream ended")


def event(**extra: value_pb2.Value) -> record_pb2.Event:
    return order(amount=value_pb2.Value(number_value=1_234_500), **extra)


async def test_a_watch_tells_persons_before_events_and_drops_what_is_not_open(
    server: LocalServer, wiring: Wiring
) -> None:
    start = start_of(wiring)
    stated = identifiers(device_id="device-1", member_id="M1", phone="13800138000")
    await send(
        server,
        record("r1", stated, brand="one", event=event(receiver_phone=text("13912345670"), note=text(" Ａ "))),
    )
    (lane, first), (_, second) = await watched(server, start, 2)
    assert (lane, first.tenant, first.position, second.position) == (LIVE, "t1", 1, 2)
    assert first.person.version == first.position
    assert [(key.key_id, key.namespace) for key in first.person.keys] == [(1, "device_id"), (2, "member_id")]
    told = second.event
    assert (told.ingest_sequence, told.source, told.event_id, told.brand) == (1, "shop", "r1", "one")
    assert (told.anchor_key_id, list(told.other_key_ids)) == (2, [1])
    assert {name: value.text_value or value.number_value for name, value in told.properties.items()} == {
        "amount": 1_234_500,
        "note": "A",
    }


async def test_a_record_inside_a_property_keeps_only_its_open_fields(
    server: LocalServer, wiring: Wiring
) -> None:
    start = start_of(wiring)
    line = value_pb2.ValueRecord(fields={"item_id": text("i1"), "receiver_phone": text("13912345670")})
    items = value_pb2.Value(list_value=value_pb2.ValueList(values=[value_pb2.Value(record_value=line)]))
    await send(server, record("r1", identifiers(member_id="M1"), event=event(items=items)))
    ((_, told),) = await watched(server, start, 1, kinds=[change_pb2.CHANGE_KIND_EVENT])
    assert list(told.event.properties["items"].list_value.values[0].record_value.fields) == ["item_id"]


async def test_lanes_and_kinds_filter(server: LocalServer, wiring: Wiring) -> None:
    start = start_of(wiring)
    await send(server, record("r1", identifiers(member_id="M1"), event=event()), lane=BULK)
    await send(server, record("r2", identifiers(member_id="M1"), event=event()))
    assert [lane for lane, _ in await watched(server, start, 1, lane=LIVE)] == [LIVE]
    events = await watched(server, start, 2, kinds=[change_pb2.CHANGE_KIND_EVENT])
    assert sorted(change.event.event_id for _, change in events) == ["r1", "r2"]


async def test_the_revision_of_a_live_event_covers_the_person_that_came_by_bulk(server: LocalServer) -> None:
    by_bulk = parse_token(
        (await send(server, record("r1", identifiers(member_id="M1")), lane=BULK)).revision.token
    )
    live = parse_token(
        (await send(server, record("r2", identifiers(member_id="M1"), event=event()))).revision.token
    )
    assert by_bulk.live == 0
    assert live.bulk == by_bulk.bulk
    assert live.live > live.bulk


async def test_a_repeat_publishes_nothing(server: LocalServer, wiring: Wiring) -> None:
    records = [record("r1", identifiers(member_id="M1"), event=event(), attributes={"city": text("上海")})]
    await send(server, *records)
    head = wiring.database.read_now(wiring.changelog.head)
    await send(server, *records)
    await send(server, record("r2", identifiers(member_id="M1"), attributes={"city": text("上海")}))
    assert wiring.database.read_now(wiring.changelog.head) == head


async def exported(call: AsyncIterator[object]) -> list[object]:
    return [part async for part in call]


async def test_an_export_and_the_watch_after_it_equal_a_watch_from_the_start(
    server: LocalServer, wiring: Wiring
) -> None:
    start = start_of(wiring)
    await send(
        server, *(record(f"r{n}", identifiers(device_id=f"device-{n}"), event=event()) for n in range(5))
    )
    parts = await exported(stub_of(server).ExportPersons(changes.ExportPersonsRequest()))
    assert [part.tenant for part in parts] == ["t1", ""]
    assert parts[0].settings.time_zone == "Asia/Shanghai"
    state = {person.person_id: person for part in parts for person in part.persons}
    joined = (
        identifiers(member_id="M1", device_id="device-1"),
        identifiers(member_id="M1", device_id="device-2"),
    )
    await send(server, *(record(f"j{n}", stated) for n, stated in enumerate(joined)))
    for _, change in await watched(server, parts[-1].revision, 3, kinds=[change_pb2.CHANGE_KIND_PERSON]):
        state[change.person.person_id] = change.person
    replayed: dict[int, person_pb2.Person] = {}
    for _, change in await watched(server, start, 8, kinds=[change_pb2.CHANGE_KIND_PERSON]):
        replayed[change.person.person_id] = change.person
    assert state == replayed
    again = await exported(stub_of(server).ExportPersons(changes.ExportPersonsRequest()))
    assert {person.person_id: person for part in again for person in part.persons} == replayed


async def test_events_are_exported_after_a_sequence(server: LocalServer) -> None:
    for number in range(4):
        lane = BULK if number % 2 else LIVE
        await send(server, record(f"r{number}", identifiers(member_id="M1"), event=event()), lane=lane)
    request = changes.ExportEventsRequest(after_sequences={"t1": 1})
    parts = await exported(stub_of(server).ExportEvents(request))
    assert [told.event_id for part in parts for told in part.events] == ["r1", "r2", "r3"]
    assert parts[-1].revision.token


async def test_no_part_of_an_export_is_larger_than_a_message_may_be(server: LocalServer) -> None:
    large = {f"p{number}": text("x" * 4_000) for number in range(15)}
    await send(
        server,
        *(record(f"r{number}", identifiers(member_id="M1"), event=order(**large)) for number in range(40)),
    )
    parts = [part async for part in stub_of(server).ExportEvents(changes.ExportEventsRequest())]
    assert [event.event_id for part in parts for event in part.events] == [
        f"r{number}" for number in range(40)
    ]
    assert max(part.ByteSize() for part in parts) < 1.1 * 1024 * 1024


async def test_events_outlive_history_until_every_consumer_has_them(
    server: LocalServer, wiring: Wiring
) -> None:
    start = start_of(wiring)
    sent = await send(
        server, *(record(f"r{n}", identifiers(member_id="M1"), event=event()) for n in range(3))
    )

    def trim_all() -> int:
        def work(connection):  # type: ignore[no-untyped-def]
            spared = not_stored_everywhere(
                partial(open_stores, changelog=wiring.changelog), ("tagging",), connection
            )
            return trim(connection, wiring.changelog, keep_after_machine_time_ms=2**60, spared=spared)

        return wiring.database.write_now(work).entries

    async def events() -> list[str]:
        parts = await exported(stub_of(server).ExportEvents(changes.ExportEventsRequest()))
        return [told.event_id for part in parts for told in part.events]

    assert trim_all() == 4
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await watched(server, start, 1)
    assert refused.value.code() is grpc.StatusCode.OUT_OF_RANGE
    assert reason_of(refused.value).reason == "HISTORY_GONE"
    assert await events() == ["r0", "r1", "r2"]
    through = parse_token(sent.revision.token)
    acknowledged = Revision("identity", through.epoch, through.live, through.live).to_proto()
    await stub_of(server).AcknowledgeChanges(
        changes.AcknowledgeChangesRequest(consumer="tagging", through=acknowledged)
    )
    assert trim_all() == 0
    assert await events() == []


async def test_ids_start_above_the_highest_that_a_consumer_reports(
    server: LocalServer, wiring: Wiring
) -> None:
    await stub_of(server).AcknowledgeChanges(
        changes.AcknowledgeChangesRequest(
            consumer="tagging",
            through=start_of(wiring),
            highest_ids={"t1": changes.HighestIds(person_id=500, key_id=700, ingest_sequence=900)},
        )
    )
    start = start_of(wiring)
    await send(server, record("r1", identifiers(member_id="M1"), event=event()))
    (_, person), (_, told) = await watched(server, start, 2)
    assert person.person.person_id > 500
    assert person.person.keys[0].key_id == 701
    assert told.event.ingest_sequence == 901


@pytest.mark.parametrize(
    ("consumer", "epoch", "service", "reason"),
    [
        ("tagging", "0" * 16, "identity", "REVISION_FOREIGN"),
        ("tagging", None, "tagging", "REVISION_FOREIGN"),
        ("nobody", None, "identity", "CONSUMER_UNKNOWN"),
    ],
)
async def test_a_wrong_acknowledgement_is_refused(
    server: LocalServer, wiring: Wiring, consumer: str, epoch: str | None, service: str, reason: str
) -> None:
    own = wiring.database.read_now(wiring.changelog.head).epoch
    through = Revision(service, epoch or own, 0, 0).to_proto()
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub_of(server).AcknowledgeChanges(
            changes.AcknowledgeChangesRequest(consumer=consumer, through=through)
        )
    assert reason_of(refused.value).reason == reason


async def test_only_services_watch(server: LocalServer, wiring: Wiring) -> None:
    stub = change_service_pb2_grpc.ChangeServiceStub(server.connect("admin"))
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.Watch(changes.WatchRequest(after=start_of(wiring))).read()
    assert reason_of(refused.value).reason == "RIGHT_MISSING"


async def test_a_watch_without_or_with_a_foreign_cursor_is_refused(server: LocalServer) -> None:
    for after, reason in (
        (None, "INVALID_FIELD"),
        (Revision("tagging", "0" * 16).to_proto(), "REVISION_FOREIGN"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub_of(server).Watch(changes.WatchRequest(after=after)).read()
        assert reason_of(refused.value).reason == reason
