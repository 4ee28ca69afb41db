"""Persons by id or by what some system calls them; portraits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import grpc
from huaxiang.identity.v1 import identifier_pb2
from huaxiang.identity.v1 import person_service_pb2 as identity_pb
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.tagging.v1 import portrait_service_pb2 as portrait_pb
from huaxiang.tagging.v1.portrait_service_pb2_grpc import PortraitServiceStub

from cli.calls.values import plain
from cli.exits import Exit, Refusal
from cli.ids import id_of
from cli.suite.patience import patiently
from cli.suite.running import RunningSuite

LANGUAGES = {"zh": portrait_pb.LANGUAGE_ZH, "en": portrait_pb.LANGUAGE_EN}


async def person_id_of(suite: RunningSuite, who: str, key_file: Path | None = None) -> int:
    """`who` is an id, or namespace=value, or namespace=source:value for the ids of one source, looked up as whose key
    it is.

    Raises Refusal when nobody is known by it.
    """
    if who.isdecimal():
        return id_of(who, "person")
    namespace, separator, value = who.partition("=")
    if not separator or not value:
        raise Refusal(f"{who!r} is neither a person id nor namespace=value", Exit.USAGE)
    async with suite.channel("identity", key_file=key_file) as channel:
        (found,) = await resolved(channel, [identifier_of(namespace, value)])
    if found.problem:
        raise Refusal(f"{namespace}: {found.problem}", Exit.BAD_DATA)
    if not found.person_id:
        raise Refusal(f"nobody is known by this {namespace}", Exit.BAD_DATA)
    return int(found.person_id)


def identifier_of(namespace: str, value: str) -> identifier_pb2.Identifier:
    """`value` is source:value for the ids of one source."""
    scope, _, rest = value.rpartition(":")
    return identifier_pb2.Identifier(namespace=namespace, value=rest, scope=scope)


async def resolved(
    channel: grpc.aio.Channel, identifiers: Sequence[identifier_pb2.Identifier], source: str = ""
) -> list[identity_pb.ResolvedIdentifier]:
    """In the same order; at most 1,000. `source`: whose ids those are that are of one source and do not say which."""
    stub = PersonServiceStub(channel)
    request = identity_pb.ResolveIdentifiersRequest(identifiers=identifiers, source=source)
    return list((await patiently(lambda: stub.ResolveIdentifiers(request))).results)


async def portrait(
    channel: grpc.aio.Channel, person_id: int, *, template: str = "", lang: str = ""
) -> portrait_pb.GetPortraitResponse:
    """All that is known of a person; `lang` is a key of LANGUAGES, or "" for no description."""
    request = portrait_pb.GetPortraitRequest(person_id=person_id, template_id=template)
    if lang:
        request.language = LANGUAGES[lang]
    return await PortraitServiceStub(channel).GetPortrait(request)


def portrait_document(answer: portrait_pb.GetPortraitResponse) -> dict[str, Any]:
    """A portrait as plain data."""
    return {
        "person_id": answer.person_id,
        "state": answer.state,
        "as_of": answer.as_of.ToJsonString(),
        "attributes": {name: plain(value) for name, value in sorted(answer.attributes.items())},
        "tags": {each.tag_id: plain(each.value) for each in answer.values if not each.withheld},
        "description": answer.description.text,
        "reasons": {each.text: each.reason for each in answer.description.parts},
        "typical": {each.tag_id: plain(each.value) for each in answer.comparison.profile.values},
        "withheld": [each.tag_id for each in answer.values if each.withheld],
        "timeline": [
            {
                "time": event.time.ToJsonString(),
                "type": event.type,
                "source": event.source,
                "event_id": event.event_id,
                "properties": {name: plain(value) for name, value in sorted(event.properties.items())},
                "withheld": event.withheld,
                "withheld_properties": list(event.withheld_properties),
            }
            for event in answer.timeline
        ],
    }
