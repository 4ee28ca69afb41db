"""The fact half of tagging over a real channel: dictionary, lake, Watch, export."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import duckdb
import grpc
import pytest
from huaxiang.tagging.v1 import (
    change_pb2,
    change_service_pb2,
    change_service_pb2_grpc,
    event_type_service_pb2,
    event_type_service_pb2_grpc,
    lake_service_pb2,
    lake_service_pb2_grpc,
    reference_table_service_pb2,
    reference_table_service_pb2_grpc,
    tag_pb2,
)
from huaxiang.type.v1 import revision_pb2
from scripted_identity import REDIRECTED, RunningTagging, ScriptedIdentity, Start, event, person
from servicekit.progress import progress_from_proto
from servicekit.revision import Lane, Revision, parse_token
from servicekit.status import reason_of


@pytest.fixture
async def tagging(start: Start) -> AsyncIterator[RunningTagging]:
    async with start() as running:
        yield running


def references(tagging: RunningTagging, role: str = "analyst") -> Any:
    return reference_table_service_pb2_grpc.ReferenceTableServiceStub(tagging.server.connect(role))


def lake(tagging: RunningTagging, role: str = "analyst") -> Any:
    return lake_service_pb2_grpc.LakeServiceStub(tagging.server.connect(role))


def changes(tagging: RunningTagging, role: str = "service") -> Any:
    return change_service_pb2_grpc.ChangeServiceStub(tagging.server.connect(role))


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as refused:
        await call
    reason = reason_of(refused.value)
    return refused.value.code(), reason.reason, dict(reason.metadata)


async def test_the_dictionary_is_listed_with_texts_types_and_tables(tagging: RunningTagging) -> None:
    stub = event_type_service_pb2_grpc.EventTypeServiceStub(tagging.server.connect("viewer"))
    answer = await stub.ListEventTypes(event_type_service_pb2.ListEventTypesRequest())
    by_name = {each.name: each for each in answer.event_types}
    assert list(by_name) == sorted(by_name)
    paid = by_name["order_paid"]
    assert (paid.text.zh, paid.text.en) == ("支付订单", "Order paid")
    assert list(paid.reversed_by) == ["order_refunded", "order_cancelled"]
    properties = {each.name: each for each in paid.properties}
    assert list(properties) == sorted(properties)
    assert {
        "amount",
        "items",
        "channel",
        "store_id",
        "source",
        "time",
        "hour",
        "is_workday",
    } <= properties.keys()
    assert properties["amount"].base == tag_pb2.BASE_TYPE_NUMBER
    assert properties["store_id"].reference_table == "stores"
    assert properties["items"].repeated_values
    assert [each.name for each in properties["items"].fields] == [
        "amount",
        "brand",
        "category",
        "item_id",
        "quantity",
    ]
    assert all(each.text.zh and each.text.en for one in answer.event_types for each in one.properties)
    assert [each.name for each in answer.reference_tables] == [
        "benefits",
        "content",
        "items",
        "staff",
        "stores",
    ]


async def test_a_flush_waits_for_the_facts_it_is_asked_for(
    tagging: RunningTagging, identity: ScriptedIdentity
) -> None:
    stub = lake(tagging)
    empty = await stub.FlushLake(lake_service_pb2.FlushLakeRequest())
    assert (empty.event_count, empty.file_count) == (0, 0)
    said = identity.say(person(1, 1), *(event(number, 1) for number in range(1, 8)), lane=Lane.BULK)
    wanted = revision_pb2.Consistency(at_least_as_fresh=said.to_proto())
    flushed = await stub.FlushLake(lake_service_pb2.FlushLakeRequest(consistency=wanted))
    assert (flushed.event_count, flushed.file_count) == (7, 1)
    last = identity.say(event(8, 1))
    await tagging.reach(last)
    manifest = await stub.GetLakeManifest(lake_service_pb2.GetLakeManifestRequest())
    assert [file.event_count for file in manifest.files] == [7]
    assert manifest.recent_event_count == 1
    path = tagging.store.lake.root / manifest.files[0].path
    assert duckdb.sql(f"SELECT count(*), sum(amount) FROM read_parquet('{path}')").fetchall() == [(7, 70_000)]


async def test_tokens_that_cannot_be_honoured_are_refused(
    tagging: RunningTagging, identity: ScriptedIdentity
) -> None:
    await tagging.reach(identity.revision())

    async def flush(token: str, timeout_s: float = 5.0) -> tuple[grpc.StatusCode, str, dict[str, str]]:
        consistency = revision_pb2.Consistency(at_least_as_fresh=revision_pb2.Revision(token=token))
        request = lake_service_pb2.FlushLakeRequest(consistency=consistency)
        return await refusal(lake(tagging).FlushLake(request, timeout=timeout_s))

    assert (await flush("garbage"))[1] == "REVISION_MALFORMED"
    foreign = Revision("segments", "0" * 16, live=1)
    assert (await flush(foreign.token()))[:2] == (grpc.StatusCode.FAILED_PRECONDITION, "REVISION_FOREIGN")
    restored = Revision("identity", "0" * 16, live=1)
    assert (await flush(restored.token()))[1] == "REVISION_FOREIGN"
    ahead = identity.revision()
    ahead = ahead.at(Lane.LIVE, ahead.live + 1_000)
    code, reason, metadata = await flush(ahead.token(), 0.5)
    assert (code, reason, metadata) == (
        grpc.StatusCode.DEADLINE_EXCEEDED,
        "REVISION_NOT_REACHED",
        {"service": "identity"},
    )


async def test_rights_are_asked_for(tagging: RunningTagging) -> None:
    assert (
        await refusal(
            references(tagging, "viewer").PutReferenceRows(
                reference_table_service_pb2.PutReferenceRowsRequest(table="stores")
            )
        )
    )[1] == "RIGHT_MISSING"
    assert (await refusal(lake(tagging, "viewer").FlushLake(lake_service_pb2.FlushLakeRequest())))[
        1
    ] == "RIGHT_MISSING"
    watch = changes(tagging, "admin").ExportTagIndex(change_service_pb2.ExportTagIndexRequest())
    assert (await refusal(watch.read()))[:2] == (grpc.StatusCode.PERMISSION_DENIED, "RIGHT_MISSING")


async def export(tagging: RunningTagging) -> tuple[list[Any], Any]:
    call = changes(tagging).ExportTagIndex(change_service_pb2.ExportTagIndexRequest())
    parts = [part async for part in call]
    assert [part.HasField("progress") for part in parts] == [False] * (len(parts) - 1) + [True]
    return parts[:-1], progress_from_proto(parts[-1].progress)


async def test_the_export_is_the_whole_state_and_the_watch_goes_on_from_it(
    tagging: RunningTagging, identity: ScriptedIdentity
) -> None:
    await tagging.reach(identity.say(person(1, 1), person(2, 2)))
    parts, progress = await export(tagging)
    assert parts[0].tenant == "t1"
    assert parts[0].day.time_zone == "Asia/Shanghai"
    persons = [each for part in parts for each in part.persons]
    assert [(each.person_id, each.state, each.birth_hash) for each in persons] == [(1, 2, 7), (2, 2, 14)]
    assert parse_token(progress.through.token()).service == "tagging"
    assert [each.service for each in progress.upstream] == ["identity"]
    said = identity.say(person(2, state=REDIRECTED, to=1), person(1, 1, 2))
    request = change_service_pb2.WatchRequest(after=progress.through.to_proto())
    async with asyncio.timeout(20):
        seen: list[change_pb2.Change] = []
        async for message in changes(tagging).Watch(request):
            seen += message.changes
            if any(each.covers(said) for each in progress_from_proto(message.progress).upstream):
                break
    (change,) = [each for each in seen if each.HasField("person")]
    assert (change.tenant, change.person.person_id) == ("t1", 2)
    assert change.person.state == change_pb2.UNIVERSE_STATE_REDIRECTED
    assert change.person.redirect_person_id == 1
    assert change.position > 0


async def test_watch_refuses_what_it_cannot_serve(
    tagging: RunningTagging, identity: ScriptedIdentity
) -> None:
    await tagging.reach(identity.revision())

    async def watch(**request: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
        call = changes(tagging).Watch(change_service_pb2.WatchRequest(**request))
        return await refusal(call.read())

    head = tagging.store.database.read_now(tagging.store.changelog.head)
    assert (await watch())[1] == "INVALID_FIELD"
    assert (await watch(after=Revision("identity", head.epoch).to_proto()))[1] == "REVISION_FOREIGN"
    assert (await watch(after=Revision("tagging", "0" * 16).to_proto()))[1] == "HISTORY_GONE"
    after = Revision("tagging", head.epoch).to_proto()
    assert (await watch(after=after, kinds=[77]))[2]["field"] == "kinds"
    assert (await watch(after=after, lane=9))[2]["field"] == "lane"
