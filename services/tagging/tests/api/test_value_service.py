"""ValueService over a real channel."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import portrait_service_pb2, portrait_service_pb2_grpc, tag_pb2, tag_service_pb2
from huaxiang.tagging.v1 import value_service_pb2 as pb
from huaxiang.tagging.v1.tag_service_pb2_grpc import TagServiceStub
from huaxiang.tagging.v1.value_service_pb2_grpc import ValueServiceStub
from huaxiang.type.v1 import value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.revision import Lane, parse_token
from servicekit.status import reason_of
from servicekit.testing.servers import serving
from servicekit.values import timestamp_of
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts
from tagging.app.put_values import LIVE_ROWS
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message
from tagging.domain.persons import Person, PersonState
from tagging.main import Store, open_store, wire_tags

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
LEVEL = "{tag_id: level, name: x, type: text, keep_days: 7, imported: {}, confidence: 0.5}"
VIP = "{tag_id: vip, name: x, type: bool, grade: personal, manual: {expire_days: 3}}"
ORDERS = "{tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}"


class NoAttributes:
    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {}


class Served:
    """The tags half, served, with three tags and two persons; id 9 stands for the first."""

    def __init__(self, store: Store, server: Any) -> None:
        self.store = store
        self.server = server
        self.values = ValueServiceStub(server.connect("admin"))
        self.portraits = portrait_service_pb2_grpc.PortraitServiceStub(server.connect("admin"))

    async def begin(self) -> None:
        def write(connection: Connection) -> None:
            store = self.store
            persons = [
                Person(1, 1, PersonState.MEMBER, key_ids=(1,)),
                Person(2, 2, PersonState.KNOWN, key_ids=(2,)),
                Person(9, 3, PersonState.REDIRECTED, redirect_person_id=1),
            ]
            stored = StoreFacts(store.facts, store.clock.now)(connection, "t1", None, persons, [])
            store.changelog.append(connection, Lane.LIVE, stored.entries)

        await self.store.database.write(write)

    def put(self, tag_id: str, *said: tuple[int, Any], request_id: str = "q1", **rest: Any) -> Any:
        rows = [pb.StatedValue(person_id=person, value=value) for person, value in said]
        return self.values.PutTagValues(
            pb.PutTagValuesRequest(request_id=request_id, tag_id=tag_id, source="crm", values=rows, **rest)
        )

    async def read(self, person_id: int, tag_id: str) -> tag_pb2.TagValue:
        request = portrait_service_pb2.BatchGetTagValuesRequest(person_ids=[person_id], tag_ids=[tag_id])
        answer = await self.portraits.BatchGetTagValues(request)
        return answer.persons[0].values[0]


@pytest.fixture
async def served(migrated_url: str, tmp_path: Path) -> AsyncIterator[Served]:
    store = open_store(Database.open(migrated_url, synchronous="NORMAL"), tmp_path, ManualClock(NOW))
    part = wire_tags(store, NoAttributes())
    async with serving(part.services, tmp_path) as server:
        made = Served(store, server)
        definitions = parse_definitions(f"- {LEVEL}\n- {VIP}\n- {ORDERS}", "test")
        request = tag_service_pb2.ApplyTagsRequest(definitions=map(to_message, definitions))
        await TagServiceStub(server.connect("admin")).ApplyTags(request)
        await made.begin()
        yield made
    await store.database.close()


def text(said: str) -> value_pb2.Value:
    return value_pb2.Value(text_value=said)


async def refused(call: Any) -> tuple[str, str]:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    said = reason_of(error.value)
    assert said is not None
    return error.value.code().name, said.reason


async def test_values_are_put_read_and_taken_back(served: Served) -> None:
    answer = await served.put("level", (9, text(" gold ")), (7, text("gold")), (2, value_pb2.Value()))
    assert (answer.stored_count, answer.superseded_count) == (1, 0)
    assert [(each.index, each.reason) for each in answer.refused] == [
        (1, pb.REFUSED_VALUE_REASON_PERSON_UNKNOWN),
        (2, pb.REFUSED_VALUE_REASON_VALUE_MALFORMED),
    ]
    assert answer.revision.token
    value = await served.read(1, "level")
    assert value.value.text_value == "gold"
    assert (value.source, value.stated_by, value.confidence) == (
        tag_pb2.TAG_VALUE_SOURCE_IMPORTED,
        "crm",
        5_000,
    )
    cleared = await served.values.ClearTagValues(
        pb.ClearTagValuesRequest(request_id="q2", tag_id="level", source="crm", person_ids=[1, 7])
    )
    assert (cleared.cleared_count, [each.index for each in cleared.refused]) == (1, [1])
    assert not (await served.read(9, "level")).HasField("value")


async def test_a_manual_value_names_who_set_it_and_its_end(served: Served) -> None:
    await served.put("vip", (2, value_pb2.Value(bool_value=True)))
    value = await served.read(2, "vip")
    assert value.source == tag_pb2.TAG_VALUE_SOURCE_MANUAL
    assert value.stated_by not in ("", "crm")
    assert value.expire_time == timestamp_of(NOW + dt.timedelta(days=3))


async def test_an_explanation_names_who_stated_it(served: Served) -> None:
    await served.put("vip", (2, value_pb2.Value(bool_value=True)))
    request = portrait_service_pb2.ExplainTagRequest(person_id=2, tag_id="vip")
    (part,) = (await served.portraits.ExplainTag(request)).explanation.parts
    assert part.text.startswith("stated by ")
    assert part.text.endswith("stands until 2026-03-13T04:00:00+00:00")
    assert part.value.bool_value


async def test_a_request_is_done_once(served: Served) -> None:
    first = await served.put("level", (1, text("gold")))
    assert await served.put("level", (1, text("gold"))) == first
    assert await refused(served.put("level", (1, text("silver")))) == ("ALREADY_EXISTS", "ALREADY_EXISTS")


async def test_what_is_refused_as_a_whole(served: Served) -> None:
    assert await refused(served.put("orders", (1, text("x")))) == ("FAILED_PRECONDITION", "TAG_NOT_STATED")
    assert (await refused(served.put("lavel", (1, text("x")))))[0] == "NOT_FOUND"
    assert (await refused(served.put("level")))[0] == "INVALID_ARGUMENT"
    assert (await refused(served.put("level", *[(1, text("x"))] * 1_001)))[1] == "BATCH_TOO_LARGE"
    assert (await refused(served.put("level", (1, text("x")), request_id="")))[0] == "INVALID_ARGUMENT"
    viewer = ValueServiceStub(served.server.connect("viewer"))
    request = pb.PutTagValuesRequest(request_id="q", tag_id="level", values=[pb.StatedValue(person_id=1)])
    assert await refused(viewer.PutTagValues(request)) == ("PERMISSION_DENIED", "RIGHT_MISSING")


async def test_changes_are_listed_in_pages(served: Served) -> None:
    clock = served.store.clock
    assert isinstance(clock, ManualClock)
    clock.advance(dt.timedelta(hours=1))
    await served.put("level", (1, text("gold")), (2, text("gold")))
    clock.advance(dt.timedelta(hours=1))
    await served.put("level", (2, text("silver")), request_id="q2")
    request = pb.ListValueChangesRequest(tag_id="level", start_time=timestamp_of(NOW), page_size=1)
    first = await served.values.ListValueChanges(request)
    assert (first.counts.entered, first.counts.left, first.counts.changed) == (2, 0, 0)
    assert [(each.person_id, each.new_value.text_value) for each in first.changes] == [(1, "gold")]
    request.page_token = first.next_page_token
    second = await served.values.ListValueChanges(request)
    assert [(each.person_id, each.new_value.text_value) for each in second.changes] == [(2, "silver")]
    assert not second.next_page_token
    assert not second.HasField("counts")
    request = pb.ListValueChangesRequest(
        tag_id="level",
        start_time=timestamp_of(NOW + dt.timedelta(hours=1)),
        kinds=[pb.VALUE_CHANGE_KIND_CHANGED],
    )
    only = await served.values.ListValueChanges(request)
    assert [(each.person_id, each.old_value.text_value, each.kind) for each in only.changes] == [
        (2, "gold", pb.VALUE_CHANGE_KIND_CHANGED)
    ]


async def test_a_portrait_as_it_was(served: Served) -> None:
    clock = served.store.clock
    assert isinstance(clock, ManualClock)
    await served.put("level", (1, text("gold")))
    clock.advance(dt.timedelta(hours=2))
    await served.put("level", (1, text("silver")), request_id="q2")

    async def at(hours: int, **rest: Any) -> portrait_service_pb2.GetPortraitResponse:
        as_of = timestamp_of(NOW + dt.timedelta(hours=hours))
        request = portrait_service_pb2.GetPortraitRequest(person_id=9, as_of=as_of, **rest)
        return await served.portraits.GetPortrait(request)

    past = await at(1)
    assert (past.person_id, past.as_of) == (1, timestamp_of(NOW + dt.timedelta(hours=1)))
    assert [(each.tag_id, each.value.text_value) for each in past.values] == [("level", "gold")]
    assert (await at(2, tag_ids=["level"])).values[0].value.text_value == "silver"
    assert await refused(at(-1, tag_ids=["level"])) == ("FAILED_PRECONDITION", "VERSIONS_NOT_KEPT")
    assert await refused(at(1, tag_ids=["orders"])) == ("FAILED_PRECONDITION", "VERSIONS_NOT_KEPT")
    assert (await at(-1)).values == []
    assert (await refused(at(3)))[0] == "INVALID_ARGUMENT"
    assert (await refused(at(1, language=portrait_service_pb2.LANGUAGE_EN)))[0] == "INVALID_ARGUMENT"


async def test_what_cannot_be_listed(served: Served) -> None:
    def asked(tag_id: str, start: dt.datetime, **rest: Any) -> Any:
        request = pb.ListValueChangesRequest(tag_id=tag_id, start_time=timestamp_of(start), **rest)
        return served.values.ListValueChanges(request)

    assert await refused(asked("orders", NOW)) == ("FAILED_PRECONDITION", "VERSIONS_NOT_KEPT")
    early = NOW - dt.timedelta(days=1)
    assert await refused(asked("level", early)) == ("FAILED_PRECONDITION", "VERSIONS_NOT_KEPT")
    assert (await refused(asked("level", NOW, end_time=timestamp_of(early))))[0] == "INVALID_ARGUMENT"
    assert (await refused(asked("level", NOW, page_token="x")))[1] == "PAGE_TOKEN_MALFORMED"
    viewer = ValueServiceStub(served.server.connect("viewer"))
    request = pb.ListValueChangesRequest(tag_id="vip", start_time=timestamp_of(NOW))
    assert await refused(viewer.ListValueChanges(request)) == ("PERMISSION_DENIED", "RIGHT_MISSING")


async def test_many_values_are_told_in_the_bulk_lane(served: Served) -> None:
    few = await served.put("level", (1, value_pb2.Value(text_value="gold")))
    said = [(1 + number % 2, value_pb2.Value(text_value=f"v{number}")) for number in range(LIVE_ROWS + 1)]
    many = await served.put("level", *said, request_id="q2")
    lives = [parse_token(each.revision.token).live for each in (few, many)]
    bulks = [parse_token(each.revision.token).bulk for each in (few, many)]
    assert lives[0] > 0 == bulks[0]
    assert bulks[1] > 0 == lives[1]
    assert (await served.read(1, "level")).value.text_value == "v100"
