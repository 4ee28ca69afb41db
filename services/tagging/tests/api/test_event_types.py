"""EventTypeService over a real channel: what a tenant declares, what came in, and what a reader sees of events."""

import datetime as dt
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import portrait_service_pb2, tag_pb2
from huaxiang.tagging.v1.event_type_service_pb2_grpc import EventTypeServiceStub
from served_portraits import NOW, ServedPortraits, served_portraits
from servicekit.status import reason_of
from tagging.api import event_type_servicer
from tagging.app.survey_events import SurveyEvents
from tagging.domain.events import Event
from tagging.store.sql_seen_events import SqlSeenEvents

TEXT, NUMBER = tag_pb2.BASE_TYPE_TEXT, tag_pb2.BASE_TYPE_NUMBER


@pytest.fixture
async def served(migrated_sqlite_url: str, tmp_path: Path) -> AsyncIterator[ServedPortraits]:
    async with served_portraits(migrated_sqlite_url, tmp_path) as made:
        await made.facts(made.person(1, 1), made.person(2, 2), made.person(3, 3))
        yield made


@pytest.fixture
async def stub(served: ServedPortraits) -> Any:
    return EventTypeServiceStub(served.server.connect("analyst"))


def came(sequence: int, key: int, type_: str = "danced", source: str = "hall", **extra: Any) -> Event:
    return Event(
        sequence, source, f"x{sequence}", type_, NOW - dt.timedelta(hours=sequence), key, extra=extra
    )


async def look(served: ServedPortraits) -> None:
    store = served.store
    survey = SurveyEvents(store.database, store.facts.tenants, SqlSeenEvents(), store.dictionaries)
    while await survey():
        pass


async def refusal(call: Any) -> tuple[grpc.StatusCode, str, dict[str, str]]:
    with pytest.raises(grpc.RpcError) as refused:
        await call
    reason = reason_of(refused.value)
    return refused.value.code(), reason.reason, dict(reason.metadata)


def danced(*properties: pb.EventProperty, **said: Any) -> pb.PutEventTypeRequest:
    return pb.PutEventTypeRequest(event_type=pb.EventType(name="danced", properties=properties), **said)


MOOD = pb.EventProperty(name="mood", base=TEXT, text=tag_pb2.TagText(zh="心情", en="Mood"))


async def test_from_what_came_in_to_a_tag(served: ServedPortraits, stub: Any) -> None:
    await served.facts(
        *(came(number, number, mood="calm", steps=number * 10_000) for number in (1, 2, 3)),
        came(4, 1, source="app", mood=5),
    )
    await look(served)
    seen = await stub.ListSeenEventTypes(pb.ListSeenEventTypesRequest(only_open=True))
    assert seen.pending_count == 0
    (told,) = seen.event_types
    assert (told.name, told.declared, told.event_count) == ("danced", False, 4)
    mood = told.properties[0]
    assert [(each.source, each.base, each.count) for each in mood.values] == [
        ("hall", TEXT, 3),
        ("app", NUMBER, 1),
    ]
    assert list(mood.examples) == ["calm"]
    assert "declare it with huaxiang events declare (PutEventType)" in mood.problem

    tag = "{tag_id: calm, name: {zh: 平静, en: Calm}, type: number, statistic: \"COUNT(danced WHERE mood = 'calm')\"}"
    code, reason, metadata = await refusal(served.define(tag))
    assert (reason, metadata["problem"]) == ("RULE_INVALID", "there is no event 'danced'")
    assert (
        "nobody declared the type: declare it with huaxiang events declare (PutEventType)"
        in metadata["suggestion"]
    )

    suggested = await stub.SuggestEventType(pb.SuggestEventTypeRequest(name="danced"))
    assert [(each.name, each.base) for each in suggested.event_type.properties] == [
        ("mood", TEXT),
        ("steps", NUMBER),
    ]
    assert list(suggested.remarks) == ["mood comes as number, text: only text will be read"]
    put = await stub.PutEventType(danced(MOOD, validate_only=True))
    assert put.changed
    assert (await stub.PutEventType(danced(MOOD))).changed
    assert not (await stub.PutEventType(danced(MOOD))).changed
    listed = {each.name: each for each in (await stub.ListEventTypes(pb.ListEventTypesRequest())).event_types}
    assert listed["danced"].declared
    assert next(each for each in listed["danced"].properties if each.name == "mood").text.zh == "心情"
    standard = await stub.ListEventTypes(pb.ListEventTypesRequest(standard_only=True))
    assert "danced" not in {each.name for each in standard.event_types}

    wrong = tag.replace("mood = 'calm'", "steps > 1")
    code, reason, metadata = await refusal(served.define(wrong))
    assert "declare it with huaxiang events declare (PutEventType)" in metadata["suggestion"]
    await served.define(tag)
    await served.run()
    asked = portrait_service_pb2.GetPortraitRequest(person_id=1, tag_ids=["calm"])
    assert (await served.portraits.GetPortrait(asked)).values[0].value.number_value == 10_000

    code, reason, metadata = await refusal(stub.DeleteEventType(pb.DeleteEventTypeRequest(name="danced")))
    assert (code, reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EVENT_TYPE_IN_USE")
    assert metadata["used_by"] == "calm"
    other = pb.EventProperty(name="mood", base=NUMBER)
    assert (await refusal(stub.PutEventType(danced(other))))[1] == "EVENT_TYPE_IN_USE"
    seen = await stub.ListSeenEventTypes(pb.ListSeenEventTypesRequest(names=["danced"]))
    mood = seen.event_types[0].properties[0]
    assert [(each.base, each.conflicting) for each in mood.values] == [(TEXT, False), (NUMBER, True)]
    assert "source 'app' sends number" in mood.problem
    await stub.PutEventType(danced(MOOD, pb.EventProperty(name="steps", base=NUMBER)))
    query = "SELECT person_id, sum(steps) AS value FROM events.danced GROUP BY person_id"
    await served.define(
        tag, f"{{tag_id: walked, name: x, type: number, update: run, sql: {{query: '{query}'}}}}"
    )
    _, reason, metadata = await refusal(stub.PutEventType(danced(MOOD)))
    assert (reason, metadata["used_by"]) == ("EVENT_TYPE_IN_USE", "walked")


async def test_wrong_declarations_and_unknown_types_are_refused(served: ServedPortraits, stub: Any) -> None:
    code, reason, metadata = await refusal(
        stub.PutEventType(danced(pb.EventProperty(name="time", base=TEXT)))
    )
    assert (code, reason) == (grpc.StatusCode.INVALID_ARGUMENT, "EVENT_TYPE_INVALID")
    assert (metadata["event_type"], metadata["field"]) == ("danced", "properties[time]")
    assert (await refusal(stub.PutEventType(danced(pb.EventProperty(name="mood")))))[
        1
    ] == "EVENT_TYPE_INVALID"
    assert (await refusal(stub.DeleteEventType(pb.DeleteEventTypeRequest(name="danced"))))[1] == "NOT_FOUND"
    assert (await refusal(stub.SuggestEventType(pb.SuggestEventTypeRequest(name="danced"))))[1] == "NOT_FOUND"
    await served.facts(came(1, 1, mood="calm"))
    await look(served)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(event_type_servicer, "MAX_MESSAGE_BYTES", 20)
        _, reason, metadata = await refusal(stub.ListSeenEventTypes(pb.ListSeenEventTypesRequest()))
    assert (reason, metadata["field"]) == ("INVALID_FIELD", "names")
    viewer = EventTypeServiceStub(served.server.connect("viewer"))
    assert (await refusal(viewer.PutEventType(danced(MOOD))))[1] == "RIGHT_MISSING"


async def test_a_reader_sees_of_events_what_the_rights_cover(served: ServedPortraits) -> None:
    tested = Event(
        1, "spa", "e1", "skin_tested", NOW - dt.timedelta(days=1), 1, properties={"skin_type": "dry"}
    )
    rated = Event(
        2, "bank", "e2", "risk_rated", NOW - dt.timedelta(days=2), 1, properties={"risk_level": "c5"}
    )
    await served.facts(tested, rated)
    await served.define(
        "{tag_id: tests, name: x, type: number, statistic: COUNT(skin_tested)}",
        "{tag_id: kinds, name: x, type: text, statistic: LAST(skin_tested.skin_type)}",
        "{tag_id: rated, name: x, type: number, statistic: COUNT(risk_rated)}",
    )
    asked = portrait_service_pb2.GetTimelineRequest(person_id=1, without_changes=True)
    explained = portrait_service_pb2.ExplainTagRequest(person_id=1, tag_id="tests")
    served.use("viewer")
    first, second = (each.event for each in (await served.portraits.GetTimeline(asked)).entries)
    assert (first.type, dict(first.properties), list(first.withheld_properties)) == (
        "skin_tested",
        {},
        ["skin_type"],
    )
    assert (second.withheld, second.type, second.source, second.event_id) == (True, "", "", "")
    assert second.time == (await served.portraits.GetTimeline(asked)).entries[1].time
    portrait = await served.portraits.GetPortrait(portrait_service_pb2.GetPortraitRequest(person_id=1))
    assert [(each.withheld, each.type) for each in portrait.timeline] == [(False, "skin_tested"), (True, "")]
    named = replace_types(asked, "risk_rated")
    assert (await refusal(served.portraits.GetTimeline(named)))[1] == "RIGHT_MISSING"
    (evidence,) = (await served.portraits.ExplainTag(explained)).explanation.parts[0].evidence
    assert (dict(evidence.properties), list(evidence.withheld_properties)) == ({}, ["skin_type"])
    for tag_id in ("kinds", "rated"):
        call = served.portraits.ExplainTag(portrait_service_pb2.ExplainTagRequest(person_id=1, tag_id=tag_id))
        assert (await refusal(call))[1] == "RIGHT_MISSING"
    for rule in ("DID risk_rated", "COUNT(skin_tested WHERE skin_type = 'dry') > 0"):
        call = served.portraits.ExplainRule(portrait_service_pb2.ExplainRuleRequest(person_id=1, rule=rule))
        assert (await refusal(call))[1] == "RIGHT_MISSING"
    served.use("admin")
    first, second = (each.event for each in (await served.portraits.GetTimeline(asked)).entries)
    assert first.properties["skin_type"].text_value == "dry"
    assert (second.type, second.withheld) == ("risk_rated", False)
    assert len((await served.portraits.GetTimeline(named)).entries) == 1
    (evidence,) = (await served.portraits.ExplainTag(explained)).explanation.parts[0].evidence
    assert evidence.properties["skin_type"].text_value == "dry"
    only = [tag_pb2.TAG_GRADE_PUBLIC, tag_pb2.TAG_GRADE_INTERNAL]  # as a service asks for somebody
    asking = portrait_service_pb2.ExplainRuleRequest(person_id=1, rule="DID skin_tested", only_grades=only)
    (evidence,) = (await served.portraits.ExplainRule(asking)).explanation.parts[0].evidence
    assert (dict(evidence.properties), list(evidence.withheld_properties)) == ({}, ["skin_type"])
    asking.rule = "DID risk_rated"
    assert (await refusal(served.portraits.ExplainRule(asking)))[1] == "RIGHT_MISSING"


async def test_a_declared_grade_withholds_what_was_open(served: ServedPortraits, stub: Any) -> None:
    await served.facts(*(came(number, number, mood="calm") for number in (1, 2, 3)))
    await look(served)
    await stub.PutEventType(danced(MOOD))
    asked = portrait_service_pb2.GetPortraitRequest(person_id=1)
    served.use("viewer")
    (shown,) = (await served.portraits.GetPortrait(asked)).timeline
    assert shown.properties["mood"].text_value == "calm"
    graded = pb.EventProperty(name="mood", base=TEXT, grade=tag_pb2.TAG_GRADE_SENSITIVE, purpose="health")
    await stub.PutEventType(danced(graded))
    (shown,) = (await served.portraits.GetPortrait(asked)).timeline
    assert (dict(shown.properties), list(shown.withheld_properties)) == ({}, ["mood"])
    seen = await stub.ListSeenEventTypes(pb.ListSeenEventTypesRequest())
    assert not seen.event_types[0].properties[0].examples
    whole = danced(graded)
    whole.event_type.grade = tag_pb2.TAG_GRADE_PERSONAL
    assert (await stub.PutEventType(whole)).changed
    suggested = await stub.SuggestEventType(pb.SuggestEventTypeRequest(name="danced"))
    again = pb.PutEventTypeRequest(event_type=suggested.event_type, validate_only=True)
    assert again.event_type.grade == tag_pb2.TAG_GRADE_PERSONAL
    assert again.event_type.properties[0].grade == tag_pb2.TAG_GRADE_SENSITIVE
    assert (await stub.PutEventType(again)).event_type.grade == tag_pb2.TAG_GRADE_PERSONAL
    whole.event_type.grade = 99
    _, reason, metadata = await refusal(stub.PutEventType(whole))
    assert (reason, metadata["field"]) == ("EVENT_TYPE_INVALID", "grade")


def replace_types(asked: Any, *types: str) -> Any:
    return portrait_service_pb2.GetTimelineRequest(
        person_id=asked.person_id, without_changes=asked.without_changes, event_types=types
    )
