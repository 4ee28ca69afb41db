"""EventTypeService: the event dictionary."""

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import event_type_service_pb2_grpc, tag_pb2
from rules.schema import EventType, PropertyType
from rules.values import Kind
from tagging.catalogue.messages import BASES
from tagging.domain.dictionary import Dictionary, Text


class EventTypeServicer(event_type_service_pb2_grpc.EventTypeServiceServicer):
    """The dictionary is the same for all tenants."""

    def __init__(self, dictionary: Dictionary) -> None:
        self._answer = _answer(dictionary)

    async def ListEventTypes(
        self, request: pb.ListEventTypesRequest, context: "grpc.aio.ServicerContext[object, object]"
    ) -> pb.ListEventTypesResponse:
        return self._answer


def _answer(dictionary: Dictionary) -> pb.ListEventTypesResponse:
    return pb.ListEventTypesResponse(
        event_types=[_event_type(dictionary, dictionary.events[name]) for name in sorted(dictionary.events)],
        reference_tables=[
            pb.ReferenceTableType(
                name=name,
                columns=[_property(dictionary, each) for each in dictionary.tables[name].columns],
            )
            for name in sorted(dictionary.tables)
        ],
    )


def _event_type(dictionary: Dictionary, event: EventType) -> pb.EventType:
    return pb.EventType(
        name=event.name,
        text=_text(dictionary.event_texts[event.name]),
        properties=[_property(dictionary, each) for each in dictionary.readable(event)],
        reversed_by=event.reversed_by,
    )


def _property(dictionary: Dictionary, property_: PropertyType) -> pb.EventProperty:
    """A list of records has no base: its fields tell the type."""
    kind = property_.type.element or property_.type.kind
    known = dictionary.property_texts.get(property_.name)
    return pb.EventProperty(
        name=property_.name,
        text=_text(known) if known is not None else None,
        base=BASES.get(kind, tag_pb2.BASE_TYPE_UNSPECIFIED),
        repeated_values=property_.type.kind in (Kind.LIST, Kind.RECORDS),
        fields=[_property(dictionary, each) for each in property_.fields],
        reference_table=property_.refers_to,
    )


def _text(text: Text) -> tag_pb2.TagText:
    return tag_pb2.TagText(zh=text.zh, en=text.en)
