"""The quality rpcs over a real channel: what a run leaves behind, who may see it, and how it is watched."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import (
    change_pb2,
    change_service_pb2,
    change_service_pb2_grpc,
    portrait_service_pb2,
    portrait_service_pb2_grpc,
    quality_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    tag_quality_pb2,
    tag_service_pb2,
    tag_service_pb2_grpc,
)
from huaxiang.tagging.v1 import quality_service_pb2 as pb
from huaxiang.type.v1 import revision_pb2, value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.revision import Lane
from servicekit.server import Service
from servicekit.testing.servers import LocalServer, serving
from servicekit.watch import Watches
from sqlalchemy import Connection
from tagging.api.change_servicer import ChangeServicer
from tagging.app.apply_changes import StoreFacts, values_after
from tagging.app.export_index import ExportIndex
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message
from tagging.domain.persons import Person, PersonState
from tagging.main import Store, open_store, wire_tags
from tagging.quality_wiring import quality_stores
from tagging.store.column_export import ColumnExport
from tagging.workers import quality as worker

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
PEOPLE = 30
DEFINITIONS = """
- {tag_id: orders, name: x, type: number, statistic: COUNT(order_paid)}
- {tag_id: city, name: x, type: text, attribute: city, quality: {allowed: [上海], min_people: 40}}
- {tag_id: illness, name: x, grade: sensitive, purpose: health, type: text, attribute: illness}
- {tag_id: shares, name: x, type: number, statistic: COUNT(share)}
"""


class NoAttributes:
    """Identity releases nothing."""

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {}


class Shop:
    """Tagging served, with everything that runs beside it."""

    def __init__(self, store: Store, server: LocalServer) -> None:
        self.store = store
        self.server = server
        self.begin = revision_pb2.Revision()
        self.quality = self.stub("admin")
        channel = server.connect("admin", "t1")
        self.tags = tag_service_pb2_grpc.TagServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)
        self.portraits = portrait_service_pb2_grpc.PortraitServiceStub(channel)

    def stub(self, role: str) -> quality_service_pb2_grpc.QualityServiceStub:
        return quality_service_pb2_grpc.QualityServiceStub(self.server.connect(role, "t1"))

    def persons(self, connection: Connection) -> None:
        store, people = self.store, []
        for each in range(1, PEOPLE + 1):
            said = {"city": "上海" if each <= 20 else "北京", "illness": "flu"}
            people.append(Person(each, each, PersonState.KNOWN, key_ids=(each,), attributes=said))
        stored = StoreFacts(store.facts, store.clock.now)(connection, "t1", None, people, [])
        entries = values_after(store.recompute, connection, "t1", stored, Lane.LIVE)
        store.changelog.append(connection, Lane.LIVE, [*stored.entries, *entries])

    async def get(self, tag_id: str, role: str = "admin") -> Any:
        request = pb.GetTagQualityRequest(tag_id=tag_id)
        return await self.stub(role).GetTagQuality(request)


@pytest.fixture
async def shop(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Shop]:
    monkeypatch.setattr(worker, "PAUSE_S", 0.02)
    monkeypatch.setattr(worker, "ADD_S", 0.05)
    database = Database.open(migrated_url, synchronous="NORMAL")
    store = open_store(database, tmp_path / "tagging", ManualClock(NOW))
    part = wire_tags(store, NoAttributes())
    export = ExportIndex(store.facts, store.tags, store.changelog, ColumnExport(store.tags.values))
    watching = Service(
        change_service_pb2.DESCRIPTOR.services_by_name["ChangeService"],
        change_service_pb2_grpc.add_ChangeServiceServicer_to_server,
        ChangeServicer(database, Watches(database, store.changelog), export),
    )
    async with serving((*part.services, watching), tmp_path) as server:
        workers = [asyncio.ensure_future(each()) for each in part.workers]
        served = Shop(store, server)
        definitions = [to_message(each) for each in parse_definitions(DEFINITIONS, "test")]
        request = tag_service_pb2.ApplyTagsRequest(definitions=definitions)
        served.begin = (await served.tags.ApplyTags(request)).revision
        await database.write(served.persons)
        yield served
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    await database.close()


async def until(question: Callable[[], Awaitable[Any]], holds: Callable[[Any], bool]) -> Any:
    """What is answered once it holds."""
    async with asyncio.timeout(20):
        found = await question()
        while not holds(found):
            await asyncio.sleep(0.02)
            found = await question()
    return found


async def test_a_run_is_followed_by_measurements_scores_alerts_and_use(shop: Shop) -> None:
    run = (await shop.runs.CreateRun(run_service_pb2.CreateRunRequest(request_id="r"))).run
    request = portrait_service_pb2.BatchGetTagValuesRequest(person_ids=[1, 2, 3], tag_ids=["city"])
    await shop.portraits.BatchGetTagValues(request)
    read = quality_stores().activities.last_reads
    await until(lambda: shop.store.database.read(read, "t1"), lambda found: "city" in found)

    found = await until(lambda: shop.get("city"), lambda each: each.quality.run_id == run.run_id)
    quality = found.quality
    assert (quality.known_count, quality.population, quality.coverage) == (PEOPLE, PEOPLE, 10_000)
    assert [(each.value.text_value, each.count) for each in quality.distribution.values] == [
        ("上海", 20),
        ("北京", 10),
    ]
    assert dict(quality.validity.broken) == {"allowed": 10}
    assert quality.cost.last_rows == PEOPLE
    assert quality.freshness.kept
    parts = {
        tag_quality_pb2.QualityPartKind.Name(each.kind).rpartition("_")[2]: each.value
        for each in quality.parts
    }
    assert parts["VALIDITY"] == 6_667
    assert parts["COMPLETENESS"] == 7_500
    assert 0 < quality.score < 100
    assert [each.kind for each in found.open_alerts] == [
        tag_quality_pb2.QUALITY_ALERT_KIND_INCOMPLETE,
        tag_quality_pb2.QUALITY_ALERT_KIND_INVALID,
    ]
    assert found.revision.token

    await the_lists(shop)
    await the_distribution_of_a_sensitive_tag_is_withheld(shop)
    await unused_tags_are_proposed(shop)
    await alerts_are_watched_by_who_names_them(shop)
    await what_makes_no_sense_is_refused(shop)


async def the_lists(shop: Shop) -> None:
    listing = pb.ListTagQualityRequest(page_size=3)
    first = await shop.quality.ListTagQuality(listing)
    assert [each.tag_id for each in first.qualities] == ["city", "illness", "orders"]
    assert not first.qualities[0].HasField("distribution")
    listing.page_token = first.next_page_token
    second = await shop.quality.ListTagQuality(listing)
    assert [each.tag_id for each in second.qualities] == ["shares"]
    assert second.next_page_token == ""
    poor = await shop.quality.ListTagQuality(pb.ListTagQualityRequest(max_score=first.qualities[0].score))
    assert [each.tag_id for each in poor.qualities] == ["city"]

    history = pb.ListQualityHistoryRequest(tag_id="city", page_size=1)
    newest = await shop.quality.ListQualityHistory(history)
    assert newest.qualities[0].run_id

    alerts = pb.ListQualityAlertsRequest(page_size=2)
    page = await shop.quality.ListQualityAlerts(alerts)
    alerts.page_token = page.next_page_token
    rest = await shop.quality.ListQualityAlerts(alerts)
    numbers = [each.number for each in (*page.alerts, *rest.alerts)]
    assert numbers == sorted(numbers, reverse=True)
    assert {each.tag_id for each in (*page.alerts, *rest.alerts)} == {"city", "orders", "shares"}


async def the_distribution_of_a_sensitive_tag_is_withheld(shop: Shop) -> None:
    found = (await shop.get("illness", "analyst")).quality
    assert found.distribution_withheld
    assert not found.HasField("distribution")
    assert found.known_count == PEOPLE
    open_to = (await shop.get("illness", "admin")).quality
    assert [each.value.text_value for each in open_to.distribution.values] == ["flu"]


async def unused_tags_are_proposed(shop: Shop) -> None:
    default = await shop.quality.ListUnusedTags(pb.ListUnusedTagsRequest())
    assert default.counted_since_day == "2026-03-10"
    assert list(default.tags) == []
    request = pb.ListUnusedTagsRequest(idle_days=0, page_size=3)
    first = await shop.quality.ListUnusedTags(request)
    assert [each.tag_id for each in first.tags] == ["city", "illness", "orders"]
    assert (first.tags[0].last_read_day, first.tags[1].last_read_day) == ("2026-03-10", "")
    assert first.tags[1].stored_bytes == 12 * PEOPLE
    request.page_token = first.next_page_token
    assert [each.tag_id for each in (await shop.quality.ListUnusedTags(request)).tags] == ["shares"]


async def what_makes_no_sense_is_refused(shop: Shop) -> None:
    quality = shop.quality
    for call, code in (
        (shop.get("cty"), "NOT_FOUND"),
        (quality.ListQualityHistory(pb.ListQualityHistoryRequest(tag_id="cty")), "NOT_FOUND"),
        (quality.ListTagQuality(pb.ListTagQualityRequest(max_score=101)), "INVALID_ARGUMENT"),
        (quality.ListUnusedTags(pb.ListUnusedTagsRequest(idle_days=-1)), "INVALID_ARGUMENT"),
        (quality.ListQualityAlerts(pb.ListQualityAlertsRequest(page_token="x")), "INVALID_ARGUMENT"),
        (shop.get("city", "source"), "PERMISSION_DENIED"),
    ):
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await call
        assert error.value.code().name == code


async def alerts_are_watched_by_who_names_them(shop: Shop) -> None:
    stub = change_service_pb2_grpc.ChangeServiceStub(shop.server.connect())
    kinds = [change_pb2.CHANGE_KIND_QUALITY_ALERT]
    told: dict[tuple[str, int], bool] = {}
    async for message in stub.Watch(change_service_pb2.WatchRequest(after=shop.begin, kinds=kinds)):
        for each in message.changes:
            told[each.quality_alert.tag_id, each.quality_alert.kind] = each.quality_alert.HasField(
                "close_time"
            )
        if len(told) >= 3:
            break
    assert told["city", tag_quality_pb2.QUALITY_ALERT_KIND_INVALID] is False
    assert told["shares", tag_quality_pb2.QUALITY_ALERT_KIND_EVENTS_UNSEEN] is False
