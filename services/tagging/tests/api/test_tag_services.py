"""The tags' rpcs over a real channel: catalogue, runs, features, portraits, and clear errors."""

import asyncio
import datetime as dt
import itertools
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import grpc
import numpy as np
import pytest
from huaxiang.tagging.v1 import (
    change_pb2,
    feature_service_pb2,
    feature_service_pb2_grpc,
    portrait_service_pb2,
    portrait_service_pb2_grpc,
    run_service_pb2,
    run_service_pb2_grpc,
    tag_pb2,
    tag_service_pb2,
    tag_service_pb2_grpc,
)
from huaxiang.type.v1 import value_pb2
from servicekit.clock import ManualClock
from servicekit.database import Database
from servicekit.progress import Progress
from servicekit.revision import Lane
from servicekit.status import reason_of
from servicekit.testing.servers import LocalServer, serving
from sqlalchemy import Connection
from tagging.app.apply_changes import StoreFacts, values_after
from tagging.app.export_index import ExportIndex
from tagging.catalogue.files import parse_definitions
from tagging.catalogue.messages import to_message
from tagging.catalogue.packs import RETAIL, pack_definitions
from tagging.domain.events import Event
from tagging.domain.persons import Person, PersonState
from tagging.main import Store, open_store, wire_tags
from tagging.store.column_export import ColumnExport

NOW = dt.datetime(2026, 3, 10, 4, tzinfo=dt.UTC)
ORDERS = "{tag_id: orders, name: 订单数, type: number, statistic: COUNT(order_paid)}"
GENDER = """{tag_id: gender, name: 性别, grade: personal,
    type: {base: text, closed: true, options: [male, female]}, attribute: gender}"""
BUYER = """{tag_id: buyer, name: x, type: bool,
    layered_rule: {layers: [{when: orders >= 2 AND gender = 'female', then: true}], otherwise: false}}"""
STAGE = "{tag_id: stage, name: x, type: text, lifecycle: {}}"


class Names:
    """Identity's releases to portraits."""

    async def of(self, tenant: str, person_id: int) -> dict[str, value_pb2.Value]:
        return {"name": value_pb2.Value(text_value=f"{tenant}/{person_id}")}


class Tagging:
    """The tags half, served; facts are stored as its other half stores them."""

    def __init__(self, store: Store, server: LocalServer) -> None:
        self.store = store
        self.server = server
        self.versions = itertools.count(1)
        self.sequences = itertools.count(1)
        self.use("admin")

    def use(self, role: str) -> None:
        channel = self.server.connect(role)
        self.tags = tag_service_pb2_grpc.TagServiceStub(channel)
        self.runs = run_service_pb2_grpc.RunServiceStub(channel)
        self.features = feature_service_pb2_grpc.FeatureServiceStub(channel)
        self.portraits = portrait_service_pb2_grpc.PortraitServiceStub(channel)

    async def apply(self, *documents: str, **options: Any) -> Any:
        definitions = parse_definitions("\n".join(f"- {each}" for each in documents), "test")
        messages = [to_message(each) for each in definitions]
        return await self.tags.ApplyTags(tag_service_pb2.ApplyTagsRequest(definitions=messages, **options))

    async def run(self, **options: Any) -> Any:
        request = run_service_pb2.CreateRunRequest(request_id=f"q{next(self.versions)}", **options)
        run = (await self.runs.CreateRun(request)).run
        while run.state in (run_service_pb2.RUN_STATE_PENDING, run_service_pb2.RUN_STATE_RUNNING):
            await asyncio.sleep(0.02)
            run = (await self.runs.GetRun(run_service_pb2.GetRunRequest(run_id=run.run_id))).run
        return run

    async def facts(self, *facts: Person | Event) -> None:
        def write(connection: Connection) -> None:
            stored = StoreFacts(self.store.facts, self.store.clock.now)(
                connection,
                "t1",
                None,
                [each for each in facts if isinstance(each, Person)],
                [each for each in facts if isinstance(each, Event)],
            )
            entries = values_after(self.store.recompute, connection, "t1", stored, Lane.LIVE)
            self.store.changelog.append(connection, Lane.LIVE, [*stored.entries, *entries])

        await self.store.database.write(write)

    async def shop(self) -> None:
        """Two women, the first with two orders, and an id that stands for the first."""
        said = {"attributes": {"gender": "female"}}
        await self.facts(
            Person(1, next(self.versions), PersonState.MEMBER, key_ids=(1,), **said),
            Person(2, next(self.versions), PersonState.KNOWN, key_ids=(2,), **said),
            Person(9, next(self.versions), PersonState.REDIRECTED, redirect_person_id=1),
        )
        await self.facts(self.order(1, 5), self.order(1, 3), self.order(2, 40))

    def order(self, key: int, days: int) -> Event:
        sequence = next(self.sequences)
        time = self.store.clock.now() - dt.timedelta(days=days)
        return Event(
            sequence, "shop", f"e{sequence}", "order_paid", time, key, properties={"amount": 100_000}
        )

    async def portrait(self, person_id: int, *tag_ids: str) -> Any:
        request = portrait_service_pb2.GetPortraitRequest(person_id=person_id, tag_ids=tag_ids)
        return await self.portraits.GetPortrait(request)


@pytest.fixture
async def tagging(migrated_url: str, tmp_path: Path) -> AsyncIterator[Tagging]:
    database = Database.open(migrated_url, synchronous="NORMAL")
    store = open_store(database, tmp_path / "tagging", ManualClock(NOW))
    part = wire_tags(store, Names())
    async with serving(part.services, tmp_path) as server:
        workers = [asyncio.ensure_future(worker()) for worker in part.workers]
        yield Tagging(store, server)
        for each in workers:
            each.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    await database.close()


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code().name, reason_of(error.value)


# ------------------------------------------------------------------------------------------- the catalogue


async def test_a_plan_tells_and_changes_nothing_and_applying_does(tagging: Tagging) -> None:
    plan = await tagging.apply(ORDERS, GENDER, validate_only=True)
    assert [(each.tag_id, each.kind) for each in plan.differences] == [
        ("gender", tag_service_pb2.TAG_CHANGE_KIND_CREATED),
        ("orders", tag_service_pb2.TAG_CHANGE_KIND_CREATED),
    ]
    assert len((await tagging.tags.ListTags(tag_service_pb2.ListTagsRequest())).tags) == 0
    applied = await tagging.apply(ORDERS, GENDER, catalogue_etag=plan.catalogue_etag)
    listed = await tagging.tags.ListTags(tag_service_pb2.ListTagsRequest())
    assert [each.definition.tag_id for each in listed.tags] == ["gender", "orders"]
    assert listed.catalogue_etag == applied.catalogue_etag
    again = await tagging.apply(ORDERS, GENDER)
    assert {each.kind for each in again.differences} == {tag_service_pb2.TAG_CHANGE_KIND_UNCHANGED}
    changed = await tagging.apply(ORDERS.replace("COUNT", "DAYS"))
    (difference,) = changed.differences
    assert difference.kind == tag_service_pb2.TAG_CHANGE_KIND_REDEFINED
    assert [(each.field, each.old, each.new) for each in difference.fields] == [
        ("kind.statistic.expression", "COUNT(order_paid)", "DAYS(order_paid)")
    ]
    tag = (await tagging.tags.GetTag(tag_service_pb2.GetTagRequest(tag_id="orders"))).tag
    assert tag.version == 2


async def test_tags_of_a_tenant_without_facts_are_exported(tagging: Tagging) -> None:
    """Or a consumer that bootstraps between the tags and the first fact would never learn of them."""
    await tagging.apply(ORDERS)
    store = tagging.store
    export = ExportIndex(store.facts, store.tags, store.changelog, ColumnExport(store.tags.values))
    *parts, end = store.database.read_now(lambda connection: list(export(connection)))
    assert isinstance(end, Progress)
    told = [change_pb2.Change.FromString(entry.payload) for part in parts for entry in part.entries]
    assert [each.tag.tag.definition.tag_id for each in told if each.HasField("tag")] == ["orders"]
    assert [each.HasField("day") for each in told].count(True) == 1


async def test_tags_are_listed_by_category_and_page(tagging: Tagging) -> None:
    messages = [to_message(each) for each in pack_definitions(RETAIL)]
    await tagging.tags.ApplyTags(tag_service_pb2.ApplyTagsRequest(definitions=messages))
    seen: list[str] = []
    token = ""
    while True:
        request = tag_service_pb2.ListTagsRequest(category="交易", page_size=4, page_token=token)
        page = await tagging.tags.ListTags(request)
        seen += [each.definition.tag_id for each in page.tags]
        token = page.next_page_token
        if not token:
            break
    expected = [each.tag_id for each in pack_definitions(RETAIL) if each.category.startswith("交易/")]
    assert seen == sorted(expected)


BAD = [
    (
        "{tag_id: t, name: x, type: bool, statistic: gendr = 'female'}",
        "RULE_INVALID",
        {"problem": "gendr", "line": "1", "column": "1", "suggestion": "gender", "tag_id": "t"},
    ),
    ("{tag_id: t, name: x, type: number, statistic: COUNT(order_paid}", "RULE_INVALID", {"column": "17"}),
    (
        "{tag_id: t, name: x, type: number, statistic: SUM(order_paid.amout)}",
        "RULE_INVALID",
        {"problem": "amout", "suggestion": "amount"},
    ),
    (
        "{tag_id: t, name: x, type: bool, statistic: gender = 'femal'}",
        "RULE_INVALID",
        {"suggestion": "female"},
    ),
    ("{tag_id: t, name: x, type: bool, statistic: IN SEGMENT 'vip'}", "RULE_INVALID", {"problem": ""}),
    (
        "{tag_id: t, name: x, type: bool, statistic: SEQUENCE(view_item THEN order_payed)}",
        "RULE_INVALID",
        {"suggestion": "order_paid"},
    ),
    (
        "{tag_id: t, name: x, type: text, statistic: COUNT(order_paid)}",
        "DEFINITION_INVALID",
        {"problem": "number"},
    ),
    ("{tag_id: t, name: x, type: number, statistic: t + 1}", "TAG_CYCLE", {"path": "t -> t"}),
]


@pytest.mark.parametrize(("document", "reason", "metadata"), BAD)
async def test_bad_definitions_are_refused_whole(
    tagging: Tagging, document: str, reason: str, metadata: dict[str, str]
) -> None:
    await tagging.apply(GENDER)
    code, said = await refused(tagging.apply(ORDERS, document))
    assert (code, said.reason, said.domain) == ("INVALID_ARGUMENT", reason, "tagging.huaxiang")
    for name, text in metadata.items():
        assert text in said.metadata[name]
    listed = await tagging.tags.ListTags(tag_service_pb2.ListTagsRequest())
    assert [each.definition.tag_id for each in listed.tags] == ["gender"]


async def test_a_cycle_a_stale_etag_and_a_tag_in_use_are_refused(tagging: Tagging) -> None:
    await tagging.apply(ORDERS, GENDER, BUYER)
    _, said = await refused(tagging.apply("{tag_id: orders, name: x, type: bool, statistic: buyer = TRUE}"))
    assert said.reason in ("TAG_CYCLE", "RULE_INVALID")
    loop = "{tag_id: orders, name: x, type: number, layered_rule: {layers: [{when: buyer = TRUE, then: 1}]}}"
    _, said = await refused(tagging.apply(loop))
    assert (said.reason, said.metadata["path"]) == ("TAG_CYCLE", "buyer -> orders -> buyer")
    code, said = await refused(tagging.apply(ORDERS, catalogue_etag="0123456789abcdef"))
    assert (code, said.reason) == ("ABORTED", "ETAG_STALE")
    code, said = await refused(tagging.apply(ORDERS, BUYER, delete_missing=True))
    assert (code, said.reason) == ("FAILED_PRECONDITION", "TAG_IN_USE")
    assert (said.metadata["tag_id"], said.metadata["used_by"]) == ("gender", "tag buyer")
    await tagging.apply(ORDERS, delete_missing=True)
    code, said = await refused(tagging.tags.GetTag(tag_service_pb2.GetTagRequest(tag_id="order")))
    assert (code, said.reason, said.metadata["suggestion"]) == ("NOT_FOUND", "NOT_FOUND", "orders")


async def test_who_may_not_write_may_not(tagging: Tagging) -> None:
    tagging.use("marketer")
    code, said = await refused(tagging.apply(ORDERS))
    assert (code, said.reason) == ("PERMISSION_DENIED", "RIGHT_MISSING")


# ------------------------------------------------------------------------------------------- runs and values


async def test_a_run_computes_and_reports(tagging: Tagging) -> None:
    await tagging.shop()
    await tagging.apply(ORDERS, GENDER, BUYER)
    run = await tagging.run()
    assert run.state == run_service_pb2.RUN_STATE_SUCCEEDED
    assert dict(run.coverage) == {"orders": 2, "gender": 2, "buyer": 2}
    assert (run.tag_count, run.done_count) == (3, 3)
    assert run.revision.token
    tag = (await tagging.tags.GetTag(tag_service_pb2.GetTagRequest(tag_id="orders"))).tag
    assert tag.coverage == 2
    portrait = await tagging.portrait(9)
    assert (portrait.person_id, portrait.state) == (1, "member")
    values = {each.tag_id: each for each in portrait.values}
    assert values["orders"].value.number_value == 20_000
    assert values["buyer"].value.bool_value is True
    assert values["orders"].source == tag_pb2.TAG_VALUE_SOURCE_RUN
    assert portrait.attributes["name"].text_value == "t1/1"
    assert [each.event_id for each in portrait.timeline] == ["e2", "e1"]
    runs = await tagging.runs.ListRuns(run_service_pb2.ListRunsRequest())
    assert [each.run_id for each in runs.runs] == [run.run_id]


async def test_a_repeated_request_is_the_same_run(tagging: Tagging) -> None:
    await tagging.apply(ORDERS)
    request = run_service_pb2.CreateRunRequest(request_id="once")
    first = (await tagging.runs.CreateRun(request)).run
    again = (await tagging.runs.CreateRun(request)).run
    assert first.run_id == again.run_id
    request.tag_ids.append("orders")
    code, said = await refused(tagging.runs.CreateRun(request))
    assert (code, said.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    other = run_service_pb2.CreateRunRequest(request_id="once", everybody=True)
    code, said = await refused(tagging.runs.CreateRun(other))
    assert (code, said.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    assert (await tagging.run(everybody=True)).everybody
    unknown = run_service_pb2.CreateRunRequest(request_id="other", tag_ids=["ordrs"])
    code, said = await refused(tagging.runs.CreateRun(unknown))
    assert (code, said.metadata["suggestion"]) == ("NOT_FOUND", "orders")
    code, said = await refused(tagging.runs.GetRun(run_service_pb2.GetRunRequest(run_id="none")))
    assert said.reason == "NOT_FOUND"
    while first.state in (run_service_pb2.RUN_STATE_PENDING, run_service_pb2.RUN_STATE_RUNNING):
        await asyncio.sleep(0.02)
        first = (await tagging.runs.GetRun(run_service_pb2.GetRunRequest(run_id=first.run_id))).run
    code, said = await refused(tagging.runs.CancelRun(run_service_pb2.CancelRunRequest(run_id=first.run_id)))
    assert said.reason == "STATE_CONFLICT"


async def test_grades_withhold_values(tagging: Tagging) -> None:
    await tagging.apply(ORDERS, GENDER, STAGE)
    await tagging.shop()
    tagging.use("app")
    portrait = await tagging.portrait(1, "gender", "orders")
    values = {each.tag_id: each for each in portrait.values}
    assert values["gender"].withheld
    assert not values["gender"].HasField("value")
    assert values["orders"].value.number_value == 20_000
    assert dict(portrait.attributes) == {}
    explain = portrait_service_pb2.ExplainRuleRequest(person_id=1, rule="gender = 'female'")
    code, said = await refused(tagging.portraits.ExplainRule(explain))
    assert (code, said.metadata["right"]) == ("PERMISSION_DENIED", "tagging.values.read_personal")


async def test_many_persons_in_the_order_asked_for(tagging: Tagging) -> None:
    await tagging.apply(ORDERS, GENDER, STAGE)
    await tagging.shop()
    request = portrait_service_pb2.BatchGetTagValuesRequest(
        person_ids=[2, 77, 9], tag_ids=["stage", "orders"]
    )
    answer = await tagging.portraits.BatchGetTagValues(request)
    assert [each.person_id for each in answer.persons] == [2, 0, 1]
    second, nobody, first = answer.persons
    assert [each.tag_id for each in nobody.values] == ["stage", "orders"]
    assert not any(each.HasField("value") for each in nobody.values)
    assert [each.value.text_value for each in (second.values[0], first.values[0])] == ["active", "new"]
    assert first.values[0].entry_time.seconds == int((NOW - dt.timedelta(days=5)).timestamp())
    assert second.values[1].value.number_value == 10_000
    code, said = await refused(
        tagging.portraits.BatchGetTagValues(
            portrait_service_pb2.BatchGetTagValuesRequest(person_ids=range(1, 1_002), tag_ids=["orders"])
        )
    )
    assert said.reason == "BATCH_TOO_LARGE"
    code, said = await refused(tagging.portrait(77))
    assert (code, said.reason, said.metadata["person_id"]) == ("NOT_FOUND", "PERSON_UNKNOWN", "77")
    code, said = await refused(tagging.portrait(1, "ordrs"))
    assert said.metadata["suggestion"] == "orders"


async def test_a_value_is_explained_by_its_parts(tagging: Tagging) -> None:
    await tagging.apply(ORDERS, GENDER, BUYER)
    await tagging.shop()
    request = portrait_service_pb2.ExplainTagRequest(person_id=1, tag_id="buyer")
    answer = await tagging.portraits.ExplainTag(request)
    assert answer.value.value.bool_value is True
    (layer,) = answer.explanation.parts
    assert layer.text == "True: orders >= 2 AND gender = 'female'"
    assert [(each.text, each.holds) for each in layer.parts] == [
        ("orders >= 2", True),
        ("gender = 'female'", True),
    ]
    counted = await tagging.portraits.ExplainTag(
        portrait_service_pb2.ExplainTagRequest(person_id=1, tag_id="orders")
    )
    (part,) = counted.explanation.parts
    assert part.value.number_value == 20_000
    assert [each.type for each in part.evidence] == ["order_paid", "order_paid"]
    assert part.evidence[0].time.seconds > part.evidence[1].time.seconds


async def test_a_rule_is_explained_and_a_bad_one_refused(tagging: Tagging) -> None:
    await tagging.apply(ORDERS, GENDER)
    await tagging.shop()
    rule = "gender = 'female' AND COUNT(order_paid) IN LAST 7 DAYS >= 2"
    answer = await tagging.portraits.ExplainRule(
        portrait_service_pb2.ExplainRuleRequest(person_id=2, rule=rule)
    )
    assert answer.explanation.holds is False
    assert [each.holds for each in answer.explanation.parts] == [True, False]
    for bad, column in (("gendr = 'x'", "1"), ("orders >=", "10"), ("orders >= 'x'", "11")):
        request = portrait_service_pb2.ExplainRuleRequest(person_id=2, rule=bad)
        code, said = await refused(tagging.portraits.ExplainRule(request))
        assert (code, said.reason, said.metadata["line"]) == ("INVALID_ARGUMENT", "RULE_INVALID", "1")
        assert said.metadata["column"] == column


# ---------------------------------------------------------------------------------------------- features


async def until(tagging: Tagging, done: Callable[[dict[str, int]], bool]) -> None:
    async with asyncio.timeout(20):
        while not done(await states(tagging)):  # noqa: ASYNC110  # another thread computes
            await asyncio.sleep(0.02)


async def states(tagging: Tagging) -> dict[str, int]:
    features = await tagging.store.database.read(tagging.store.tags.features.all, "t1")
    return {form: int(each.state) for form, each in features.items()}


async def test_features_turn_live_and_are_replaced(tagging: Tagging) -> None:
    await tagging.shop()
    forms = ["COUNT(order_paid) IN LAST 30 DAYS", "LAST(order_paid)"]
    request = feature_service_pb2.SetRequiredFeaturesRequest(consumer="segments", forms=forms)
    answer = await tagging.features.SetRequiredFeatures(request)
    assert [each.state for each in answer.features] == [change_pb2.FEATURE_STATE_BACKFILLING] * 2
    assert all(each.column.startswith("feature:") for each in answer.features)
    await until(tagging, lambda found: {*found.values()} == {change_pb2.FEATURE_STATE_LIVE})
    again = await tagging.features.SetRequiredFeatures(request)
    assert [each.state for each in again.features] == [change_pb2.FEATURE_STATE_LIVE] * 2
    assert [each.column for each in again.features] == [each.column for each in answer.features]
    column = answer.features[0].column
    await tagging.facts(tagging.order(2, 1))
    values = await tagging.store.database.read(tagging.store.tags.values.get, "t1", [column], [1, 2])
    assert {person: each.value for person, each in values[column].items()} == {1: 20_000, 2: 10_000}
    fewer = feature_service_pb2.SetRequiredFeaturesRequest(consumer="segments", forms=forms[:1])
    await tagging.features.SetRequiredFeatures(fewer)
    assert len(await states(tagging)) == 2  # kept for a day
    clock = tagging.store.clock
    assert isinstance(clock, ManualClock)
    clock.advance(dt.timedelta(hours=25))
    await until(tagging, lambda found: len(found) == 1)
    assert list(await states(tagging)) == forms[:1]


async def test_a_bad_form_and_too_many_are_refused(tagging: Tagging) -> None:
    request = feature_service_pb2.SetRequiredFeaturesRequest(consumer="segments", forms=["COUNT(order_payd)"])
    code, said = await refused(tagging.features.SetRequiredFeatures(request))
    assert (code, said.reason, said.metadata["suggestion"]) == (
        "INVALID_ARGUMENT",
        "RULE_INVALID",
        "order_paid",
    )
    forms = [f"COUNT(order_paid WHERE amount > {number})" for number in range(2_001)]
    request = feature_service_pb2.SetRequiredFeaturesRequest(consumer="segments", forms=forms)
    code, said = await refused(tagging.features.SetRequiredFeatures(request))
    assert (code, said.reason, said.metadata["limit"]) == ("RESOURCE_EXHAUSTED", "FEATURE_QUOTA", "2000")
    assert await states(tagging) == {}


async def test_a_column_is_evaluated_at_any_moment(tagging: Tagging) -> None:
    await tagging.shop()

    async def counts(moment: dt.datetime) -> dict[int, int]:
        request = feature_service_pb2.EvaluateFeatureRequest(form="COUNT(order_paid)")
        request.as_of.FromDatetime(moment)
        found: dict[int, int] = {}
        async for message in tagging.features.EvaluateFeature(request):
            persons = np.frombuffer(message.block.offsets, "<u2").tolist()
            found |= dict(zip(persons, np.frombuffer(message.block.codes, "<i8").tolist(), strict=True))
        return found

    assert await counts(NOW) == {1: 20_000, 2: 10_000}
    assert await counts(NOW - dt.timedelta(days=4)) == {1: 10_000, 2: 10_000}
    assert await counts(NOW - dt.timedelta(days=10)) == {1: 0, 2: 10_000}
    assert await states(tagging) == {}
    request = feature_service_pb2.EvaluateFeatureRequest(form="COUNT(order_paid)")
    request.as_of.nanos = -1
    code, said = await refused(anext(aiter(tagging.features.EvaluateFeature(request))))
    assert (code, said.metadata["field"]) == ("INVALID_ARGUMENT", "as_of")
