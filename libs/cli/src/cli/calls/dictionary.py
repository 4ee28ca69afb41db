"""The dictionary of event types, which tagging owns."""

from collections.abc import Iterable
from difflib import get_close_matches

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1.event_type_service_pb2_grpc import EventTypeServiceStub

from cli.suite.patience import patiently


async def dictionary(channel: grpc.aio.Channel) -> pb.ListEventTypesResponse:
    """Event types and reference tables with their properties."""
    stub = EventTypeServiceStub(channel)
    return await patiently(lambda: stub.ListEventTypes(pb.ListEventTypesRequest()))


async def event_types(channel: grpc.aio.Channel) -> frozenset[str]:
    """The names that rules know."""
    return frozenset(each.name for each in (await dictionary(channel)).event_types)


def unknown_types(used: Iterable[str], known: frozenset[str]) -> list[str]:
    """A sentence for each type that no rule can ask for."""
    said = []
    for name in sorted(set(used) - known):
        near = get_close_matches(name, known, 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        said.append(f"the event type {name} is not in the dictionary: no rule can ask for it{hint}")
    return said
