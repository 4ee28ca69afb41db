"""Portraits over a real channel: templates, words, classes, rights, timelines."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import portrait_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_template_pb2 as template_pb
from huaxiang.tagging.v1 import portrait_template_service_pb2 as service_pb
from huaxiang.tagging.v1 import run_service_pb2, tag_pb2
from huaxiang.type.v1 import value_pb2
from served_portraits import TAGS, ServedPortraits, served_portraits
from servicekit.revision import from_proto
from servicekit.status import reason_of
from tagging.domain.persons import PersonState


@pytest.fixture
async def served(migrated_url: str, tmp_path: Path) -> AsyncIterator[ServedPortraits]:
    async with served_portraits(migrated_url, tmp_path) as started:
        await started.shop()
        yield started


def text(zh: str, en: str) -> tag_pb2.TagText:
    return tag_pb2.TagText(zh=zh, en=en)


def desk(**more: Any) -> template_pb.PortraitTemplate:
    return template_pb.PortraitTemplate(
        template_id="desk",
        name=text("客服", "Desk"),
        groups=[
            template_pb.PortraitTemplateGroup(
                name=text("价值", "Value"), tag_ids=["orders", "last_order_date"]
            ),
            template_pb.PortraitTemplateGroup(name=text("人", "Person"), tag_ids=["city", "gender", "skin"]),
        ],
        **more,
    )


async def refused(call: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value.code().name, reason_of(error.value)


def values(portrait: Any) -> dict[str, Any]:
    return {
        each.tag_id: getattr(each.value, each.value.WhichOneof("kind") or "", None)
        for each in portrait.values
    }


# --------------------------------------------------------------------------------------------- templates


async def test_a_template_arranges_the_portrait(served: ServedPortraits) -> None:
    stored = await served.put(desk())
    assert stored.etag
    assert stored == await served.template("desk")
    answer = await served.portrait(1, template_id="desk")
    assert [each.tag_id for each in answer.values] == ["orders", "last_order_date", "city", "gender", "skin"]
    assert [(each.name.en, list(each.tag_ids)) for each in answer.groups] == [
        ("Value", ["orders", "last_order_date"]),
        ("Person", ["city", "gender", "skin"]),
    ]
    assert values(answer)["orders"] == 30_000
    assert not answer.HasField("comparison")
    redirected = await served.portrait(9, template_id="desk")
    assert (redirected.person_id, redirected.values) == (1, answer.values)


async def test_templates_are_listed_changed_and_deleted(served: ServedPortraits) -> None:
    await served.put(desk())
    other = desk()
    other.template_id = "board"
    await served.put(other)
    page = await served.templates.ListPortraitTemplates(service_pb.ListPortraitTemplatesRequest(page_size=1))
    assert [each.template_id for each in page.templates] == ["board"]
    following = service_pb.ListPortraitTemplatesRequest(page_size=1, page_token=page.next_page_token)
    page = await served.templates.ListPortraitTemplates(following)
    assert [each.template_id for each in page.templates] == ["desk"]
    assert not page.next_page_token
    before = (await served.template("desk")).etag
    changed = desk(roles=["viewer"])
    changed.etag = before
    assert (await served.put(changed)).etag != before
    code, said = await refused(served.put(changed))
    assert (code, said.reason) == ("ABORTED", "ETAG_STALE")
    delete = service_pb.DeletePortraitTemplateRequest(template_id="desk")
    assert (await served.templates.DeletePortraitTemplate(delete)).deleted
    assert not (await served.templates.DeletePortraitTemplate(delete)).deleted
    code, said = await refused(served.portrait(1, template_id="desk"))
    assert (code, said.reason) == ("NOT_FOUND", "NOT_FOUND")


async def test_a_template_is_for_its_roles(served: ServedPortraits) -> None:
    await served.put(desk(roles=["marketer"]))
    assert (await served.portrait(1, template_id="desk")).person_id == 1  # who may write them reads by all
    served.use("viewer")
    code, said = await refused(served.portrait(1, template_id="desk"))
    assert (code, said.reason, said.metadata["template_id"]) == (
        "PERMISSION_DENIED",
        "TEMPLATE_FORBIDDEN",
        "desk",
    )
    served.use("marketer")
    assert (await served.portrait(1, template_id="desk")).person_id == 1
    code, said = await refused(served.put(desk()))
    assert (code, said.reason) == ("PERMISSION_DENIED", "RIGHT_MISSING")


TEXT, NAME = {"text_value": "x"}, {"text_value": "femal"}
BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"template_id": "Desk"}, "TEMPLATE_INVALID", "template_id"),
    ({"groups": [{"tag_ids": ["orders", "orders"]}]}, "TEMPLATE_INVALID", "groups"),
    ({"groups": [{"tag_ids": ["ordres"]}]}, "NOT_FOUND", ""),
    ({"member_class": {"rule": "ordres >= 2"}}, "RULE_INVALID", ""),
    ({"member_class": {"rule": "COUNT(order_paid) >= 2"}}, "TEMPLATE_INVALID", "member_class.rule"),
    ({"member_class": {"tag": {"tag_id": "orders", "value": TEXT}}}, "TEMPLATE_INVALID", "member_class.tag"),
    ({"member_class": {"tag": {"tag_id": "gender", "value": NAME}}}, "TEMPLATE_INVALID", "member_class.tag"),
    ({"member_class": {"tag": {"tag_id": "orders"}}}, "TEMPLATE_INVALID", "member_class.tag"),
    ({"phrases": [{"tag_id": "orders", "phrases": [{"text": {"zh": "好"}}]}]}, "TEMPLATE_INVALID", "phrases of orders"),
    ({"phrases": [{"tag_id": "orders", "phrases": [{"text": {"zh": "{x}", "en": "{x}"}}]}]}, "NOT_FOUND", ""),
]  # fmt: skip


@pytest.mark.parametrize(("change", "reason", "field"), BAD)
async def test_a_bad_template_is_refused_by_its_field(
    served: ServedPortraits, change: dict[str, Any], reason: str, field: str
) -> None:
    whole = {
        "template_id": "desk",
        "name": {"en": "x"},
        "groups": [{"tag_ids": ["orders"]}],
        **change,
    }
    _, said = await refused(served.put(template_pb.PortraitTemplate(**whole)))
    assert (said.reason, said.metadata.get("field", "")) == (reason, field)
    listed = await served.templates.ListPortraitTemplates(service_pb.ListPortraitTemplatesRequest())
    assert not listed.templates


# --------------------------------------------------------------------------------------------------- words


async def test_a_person_is_described_in_both_languages(served: ServedPortraits) -> None:
    answer = await served.portrait(1, language=pb.LANGUAGE_EN)
    assert answer.description.text == "female, 上海, last order 3 days ago"
    answer = await served.portrait(1, language=pb.LANGUAGE_ZH)
    assert answer.description.text == "女，上海，3天前下单"
    assert [list(each.tag_ids) for each in answer.description.parts] == [
        ["gender"],
        ["city"],
        ["last_order_date"],
    ]
    assert "DAY(LAST(order_paid))" in answer.description.parts[2].reason
    assert not (await served.portrait(1)).HasField("description")


async def test_a_templates_own_phrases_are_said_in_its_order(served: ServedPortraits) -> None:
    phrases = template_pb.TagPhrases(
        tag_id="orders",
        phrases=[
            template_pb.Phrase(
                text=text("买过一次", "bought once"), below=value_pb2.Value(number_value=20_000)
            ),
            template_pb.Phrase(text=text("在{city}买过{value}次", "bought {value} times in {city}")),
        ],
    )
    await served.put(desk(phrases=[phrases]))
    answer = await served.portrait(1, template_id="desk", language=pb.LANGUAGE_EN)
    assert answer.description.text == "bought 3 times in 上海, last order 3 days ago, female, Skin: dry"
    answer = await served.portrait(2, template_id="desk", language=pb.LANGUAGE_ZH)
    assert answer.description.text == "买过一次，2天前下单，上海，女，肤质：dry"


# ------------------------------------------------------------------------------------------------- classes


async def typical(served: ServedPortraits, run: Any) -> Any:
    async with asyncio.timeout(20):
        while True:
            profile = (await served.template("desk")).class_profile
            if profile.run_id == run.run_id:
                return profile
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "condition", [{"rule": "city = '上海'"}, {"tag": {"tag_id": "city", "value": {"text_value": "上海"}}}]
)
async def test_a_person_is_shown_against_the_class(
    served: ServedPortraits, condition: dict[str, Any]
) -> None:
    await served.put(desk(member_class={"name": {"en": "Shanghai"}, **condition}))
    answer = await served.portrait(1, template_id="desk")
    assert answer.comparison.is_member
    assert not answer.comparison.HasField("profile")  # no run yet
    run = await served.run()
    assert run.state == run_service_pb2.RUN_STATE_SUCCEEDED
    profile = await typical(served, run)
    assert (profile.member_count, profile.as_of.ToDatetime(dt.UTC)) == (2, served.store.clock.now())
    found = {each.tag_id: each for each in profile.values}
    assert (found["orders"].value.number_value, found["orders"].kind) == (
        10_000,  # of 1 and 3 the lower
        template_pb.TYPICAL_KIND_MEDIAN,
    )
    assert (found["gender"].value.text_value, found["gender"].same_count, found["gender"].known_count) == (
        "female",
        2,
        2,
    )
    answer = await served.portrait(3, template_id="desk")
    assert not answer.comparison.is_member
    assert answer.comparison.HasField("is_member")
    assert answer.comparison.profile == profile


async def test_a_profile_is_of_its_class_and_its_tags_only(served: ServedPortraits) -> None:
    await served.put(desk(member_class={"rule": "city = '上海'"}))
    run = await served.run()
    await typical(served, run)
    changed = await served.put(desk(member_class={"rule": "city = '北京'"}))
    assert not changed.HasField("class_profile")
    answer = await served.portrait(3, template_id="desk")
    assert (answer.comparison.is_member, answer.comparison.HasField("profile")) == (True, False)
    assert (await typical(served, run)).member_count == 1  # found anew from the same run on


# -------------------------------------------------------------------------------------------------- rights


async def test_what_may_not_be_read_is_withheld_known_or_not(served: ServedPortraits) -> None:
    await served.put(desk(member_class={"tag": {"tag_id": "skin", "value": {"text_value": "dry"}}}))
    run = await served.run()
    await typical(served, run)
    served.use("viewer")
    for asked in ({}, {"tag_ids": ["skin", "orders"]}, {"template_id": "desk"}):
        answers = [await served.portrait(person, **asked) for person in (1, 3)]  # the man's skin is not known
        withheld = [{each.tag_id: each for each in answer.values}["skin"] for answer in answers]
        assert withheld[0] == withheld[1] == tag_pb2.TagValue(tag_id="skin", withheld=True)
    (known, unknown) = answers
    assert known.comparison == unknown.comparison
    assert not known.comparison.HasField("is_member")
    hidden = {each.tag_id: each for each in known.comparison.profile.values}
    assert hidden["skin"] == template_pb.TypicalValue(tag_id="skin", withheld=True)
    assert hidden["orders"].value.number_value
    answer = await served.portrait(1, template_id="desk", language=pb.LANGUAGE_EN)
    assert answer.description.text == "Orders: 3, last order 3 days ago, 上海"
    shown = {each.tag_id: each.withheld for each in (await served.template("desk")).class_profile.values}
    assert shown["skin"]


async def test_attributes_need_their_right(served: ServedPortraits) -> None:
    assert (await served.portrait(9)).attributes["name"].text_value == "t1/1"
    served.use("viewer")
    assert not (await served.portrait(9)).attributes


# --------------------------------------------------------------------------------------------- batches


async def test_a_batch_answers_in_order(served: ServedPortraits) -> None:
    await served.put(desk())
    for role in ("viewer", "admin"):
        served.use(role)
        asked = pb.BatchGetPortraitsRequest(
            person_ids=[3, 9, 77, 1], template_id="desk", language=pb.LANGUAGE_EN
        )
        for _ in range(2):
            answer = await served.portraits.BatchGetPortraits(asked)
            assert [each.person_id for each in answer.portraits] == [3, 1, 0, 1]
            for each in (0, 1):
                alone = await served.portrait([3, 9][each], template_id="desk", language=pb.LANGUAGE_EN)
                together = answer.portraits[each]
                before, after = from_proto(together.revision), from_proto(alone.revision)
                assert after.covers(before), "workers go on between the two calls"
                alone.revision.CopyFrom(together.revision)
                assert together == alone
    code, said = await refused(
        served.portraits.BatchGetPortraits(pb.BatchGetPortraitsRequest(person_ids=range(1, 102)))
    )
    assert (code, said.reason) == ("INVALID_ARGUMENT", "BATCH_TOO_LARGE")
    code, said = await refused(served.portraits.BatchGetPortraits(pb.BatchGetPortraitsRequest()))
    assert said.metadata["field"] == "person_ids"


async def test_what_makes_no_sense_is_refused(served: ServedPortraits) -> None:
    for asked, reason in (
        ({"tag_ids": ["ordres"]}, "NOT_FOUND"),
        ({"template_id": "nobody"}, "NOT_FOUND"),
        ({"template_id": "desk", "tag_ids": ["orders"]}, "INVALID_FIELD"),
        ({"language": 9}, "INVALID_FIELD"),
        ({"tag_ids": ["orders"] * 1_001}, "BATCH_TOO_LARGE"),
    ):
        _, said = await refused(served.portrait(1, **asked))
        assert said.reason == reason
    code, said = await refused(served.portrait(77))
    assert (code, said.reason) == ("NOT_FOUND", "PERSON_UNKNOWN")


# -------------------------------------------------------------------------------------------- timelines


async def timeline(served: ServedPortraits, person_id: int, size: int, **asked: Any) -> list[str]:
    found: list[str] = []
    token = ""
    while True:
        request = pb.GetTimelineRequest(person_id=person_id, page_size=size, page_token=token, **asked)
        page = await served.portraits.GetTimeline(request)
        assert page.person_id == 1
        assert len(page.entries) <= size
        found += [each.event.event_id for each in page.entries]
        token = page.next_page_token
        if not token:
            return found


async def test_a_timeline_is_paged_newest_first(served: ServedPortraits) -> None:
    same = [served.order(1, 3) for _ in range(7)]  # of one moment
    search = served.order(1, 1)
    await served.facts(*same, search)
    await served.facts(served.person(1, 1, 5, 6), served.order(5, 4), served.order(6, 0.5))
    everything = await served.store.database.read(served.store.facts.events.of_persons, "t1", [1])
    expected = [each.event_id for each in reversed(everything[1])]
    assert len(expected) == 13
    for size in (1, 3, 12, 13, 14, 500):
        assert await timeline(served, 9, size) == expected
    assert await timeline(served, 1, 5, event_types=["search"]) == []
    assert await timeline(served, 1, 5, event_types=["order_paid", "search"]) == expected
    code, said = await refused(served.portraits.GetTimeline(pb.GetTimelineRequest(person_id=77)))
    assert (code, said.reason) == ("NOT_FOUND", "PERSON_UNKNOWN")
    page = await served.portraits.GetTimeline(pb.GetTimelineRequest(person_id=1, page_size=1))
    other = pb.GetTimelineRequest(person_id=2, page_token=page.next_page_token)
    code, said = await refused(served.portraits.GetTimeline(other))
    assert (code, said.reason) == ("INVALID_ARGUMENT", "PAGE_TOKEN_MALFORMED")


async def test_a_timeline_shows_what_the_dictionary_declares(served: ServedPortraits) -> None:
    page = await served.portraits.GetTimeline(pb.GetTimelineRequest(person_id=2))
    (entry,) = page.entries
    assert (entry.event.type, entry.event.properties["amount"].number_value) == ("order_paid", 100_000)
    assert entry.time == entry.event.time


async def test_a_timeline_tells_changes_of_tags_that_keep_versions(served: ServedPortraits) -> None:
    served.store.clock.advance(dt.timedelta(minutes=1))
    await served.define(
        TAGS[0].replace("category: b", "category: b, keep_days: 30"),
        TAGS[2].replace("purpose: beauty", "purpose: beauty, keep_days: 30"),
    )
    for skin in ("oily", "dry"):
        served.store.clock.advance(dt.timedelta(minutes=1))
        said = {"gender": "female", "city": "上海", "skin": skin}
        await served.facts(served.person(1, 1, state=PersonState.MEMBER, attributes=said), served.order(1, 0))

    async def told(size: int, **asked: Any) -> list[Any]:
        found: list[Any] = []
        token = ""
        while True:
            request = pb.GetTimelineRequest(person_id=1, page_size=size, page_token=token, **asked)
            page = await served.portraits.GetTimeline(request)
            for each in page.entries:
                change = each.change
                found.append(
                    each.event.type
                    if each.HasField("event")
                    else (change.tag_id, values_of(change.old), values_of(change.new))
                )
            token = page.next_page_token
            if not token:
                return found

    def values_of(value: value_pb2.Value) -> Any:
        kind = value.WhichOneof("kind")
        return getattr(value, kind) if kind else None

    order = "order_paid"
    expected = [("skin", "oily", "dry"), ("orders", 40_000, 50_000), order]
    expected += [("skin", "dry", "oily"), ("orders", 30_000, 40_000), order]
    for size in (1, 2, 3, 4, 50):
        assert await told(size) == [*expected, order, order, order]
    assert await told(2, without_changes=True) == [order] * 5
    served.use("viewer")  # of the skin nothing is told, not even that it is known
    assert await told(50) == [each for each in [*expected, order, order, order] if each[0] != "skin"]
