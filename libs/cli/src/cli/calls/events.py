"""Event types: what rules may name, what came in, and what people declare."""

from collections.abc import Mapping
from typing import Any

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import tag_pb2
from huaxiang.tagging.v1.event_type_service_pb2_grpc import EventTypeServiceStub

from cli.enum_names import name_of, number_of
from cli.exits import Exit, Refusal

_LIST = "list of "
_FIELDS = ("name", "text", "grade", "purpose", "properties")
_PROPERTY_FIELDS = ("name", "type", "text", "grade", "purpose", "reference_table")


async def seen(
    channel: grpc.aio.Channel, names: list[str], *, only_open: bool
) -> pb.ListSeenEventTypesResponse:
    """What came in."""
    request = pb.ListSeenEventTypesRequest(names=names, only_open=only_open)
    return await EventTypeServiceStub(channel).ListSeenEventTypes(request)


async def suggest(channel: grpc.aio.Channel, name: str) -> pb.SuggestEventTypeResponse:
    """A declaration of what came in of one type."""
    return await EventTypeServiceStub(channel).SuggestEventType(pb.SuggestEventTypeRequest(name=name))


async def declare(
    channel: grpc.aio.Channel, documents: list[Mapping[str, Any]], *, check: bool
) -> list[pb.PutEventTypeResponse]:
    """Declares one after the other. Raises Refusal for a document that is none."""
    stub = EventTypeServiceStub(channel)
    messages = [message(each) for each in documents]
    return [
        await stub.PutEventType(pb.PutEventTypeRequest(event_type=each, validate_only=check))
        for each in messages
    ]


async def undeclare(channel: grpc.aio.Channel, name: str) -> None:
    """Takes a declaration back."""
    await EventTypeServiceStub(channel).DeleteEventType(pb.DeleteEventTypeRequest(name=name))


def type_word(said: pb.EventProperty | pb.SeenValues) -> str:
    """text, list of number ...; "records" for what has no base."""
    if not said.base:
        return "records"
    base = name_of(tag_pb2.BaseType, said.base)
    return f"{_LIST}{base}" if said.repeated_values else base


def message(document: Mapping[str, Any]) -> pb.EventType:
    """A declaration as people write it. Raises Refusal."""
    _require_fields(document, _FIELDS, "an event type")
    made = pb.EventType(
        name=str(document.get("name", "")), text=_text(document), purpose=document.get("purpose", "")
    )
    made.grade = _grade(document)
    for each in document.get("properties") or []:
        _require_fields(each, _PROPERTY_FIELDS, f"a property of {made.name}")
        word = str(each.get("type", ""))
        made.properties.add(
            name=str(each.get("name", "")),
            text=_text(each),
            base=number_of(tag_pb2.BaseType, word.removeprefix(_LIST)),
            repeated_values=word.startswith(_LIST),
            reference_table=each.get("reference_table", ""),
            grade=_grade(each),
            purpose=each.get("purpose", ""),
        )
    return made


def document(said: pb.EventType) -> dict[str, Any]:
    """A declaration for a file; declared as it is it changes nothing of what it says."""
    properties = [
        {
            "name": each.name,
            "type": type_word(each),
            "text": {"zh": each.text.zh, "en": each.text.en},
            **_graded(each),
            **({"reference_table": each.reference_table} if each.reference_table else {}),
        }
        for each in said.properties
    ]
    text = {"zh": said.text.zh, "en": said.text.en}
    return {"name": said.name, "text": text, **_graded(said), "properties": properties}


def _graded(said: pb.EventType | pb.EventProperty) -> dict[str, str]:
    """Grade and purpose, where they are said."""
    grade = {"grade": name_of(tag_pb2.TagGrade, said.grade)} if said.grade else {}
    return {**grade, **({"purpose": said.purpose} if said.purpose else {})}


def _grade(said: Mapping[str, Any]) -> Any:
    return number_of(tag_pb2.TagGrade, said["grade"]) if said.get("grade") else tag_pb2.TAG_GRADE_UNSPECIFIED


def _text(said: Mapping[str, Any]) -> tag_pb2.TagText:
    text = said.get("text") or {}
    return tag_pb2.TagText(zh=str(text.get("zh", "")), en=str(text.get("en", "")))


def _require_fields(said: Any, known: tuple[str, ...], what: str) -> None:
    if not isinstance(said, Mapping):
        raise Refusal(f"{what} is written as fields: {', '.join(known)}", Exit.BAD_DATA)
    if unknown := sorted(set(said) - set(known)):
        raise Refusal(f"{what} has no {', '.join(unknown)}; it has {', '.join(known)}", Exit.BAD_DATA)
