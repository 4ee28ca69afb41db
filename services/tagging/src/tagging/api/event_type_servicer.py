"""EventTypeService: the event dictionary, what a tenant declares, and what came in."""

import grpc
from huaxiang.tagging.v1 import event_type_service_pb2 as pb
from huaxiang.tagging.v1 import event_type_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField, ResourceNotFound
from servicekit.server import MAX_MESSAGE_BYTES
from sqlalchemy import Connection
from tagging.api.parse_event_types import declaration
from tagging.api.parse_tags import at_most
from tagging.api.render_event_types import event_type, property_, seen_event_type, suggestion
from tagging.app.declare_events import DeclareEvents
from tagging.domain.declared_events import MAX_PROPERTIES
from tagging.domain.dictionary import Dictionary
from tagging.errors import nearest
from tagging.store.mapping_ports import EventDictionaries, SeenEvents

MAX_NAMES = 100
Context = grpc.aio.ServicerContext[object, object]


class EventTypeServicer(event_type_service_pb2_grpc.EventTypeServiceServicer):
    """Acts on the caller's tenant."""

    def __init__(
        self,
        database: Database,
        declare: DeclareEvents,
        dictionaries: EventDictionaries,
        seen: SeenEvents,
        standard: Dictionary,
    ) -> None:
        self._database = database
        self._declare = declare
        self._dictionaries = dictionaries
        self._seen = seen
        self._standard = standard
        self._told: tuple[Dictionary, pb.ListEventTypesResponse] = standard, _answer(standard)

    async def ListEventTypes(
        self, request: pb.ListEventTypesRequest, context: Context
    ) -> pb.ListEventTypesResponse:
        dictionary = self._standard
        if not request.standard_only:
            tenant = current_principal().require_tenant()
            dictionary = await self._database.read(self._dictionaries.of, tenant)
        if self._told[0] is not dictionary:
            self._told = dictionary, _answer(dictionary)
        return self._told[1]

    async def PutEventType(
        self, request: pb.PutEventTypeRequest, context: Context
    ) -> pb.PutEventTypeResponse:
        tenant = current_principal().require_tenant()
        at_most("event_type.properties", request.event_type.properties, MAX_PROPERTIES)
        new = declaration(request.event_type)
        declared = await self._database.write(
            self._declare.put, tenant, new, validate_only=request.validate_only
        )
        dictionary = declared.dictionary
        return pb.PutEventTypeResponse(
            event_type=event_type(dictionary, dictionary.events[new.name]),
            changed=declared.changed,
            revision=declared.revision.to_proto(),
        )

    async def DeleteEventType(
        self, request: pb.DeleteEventTypeRequest, context: Context
    ) -> pb.DeleteEventTypeResponse:
        tenant = current_principal().require_tenant()
        revision = await self._database.write(self._declare.delete, tenant, request.name)
        return pb.DeleteEventTypeResponse(revision=revision.to_proto())

    async def ListSeenEventTypes(
        self, request: pb.ListSeenEventTypesRequest, context: Context
    ) -> pb.ListSeenEventTypesResponse:
        tenant = current_principal().require_tenant()
        at_most("names", request.names, MAX_NAMES)

        def work(connection: Connection) -> pb.ListSeenEventTypesResponse:
            dictionary = self._dictionaries.of(connection, tenant)
            found = self._seen.types(connection, tenant, tuple(request.names))
            told = [seen_event_type(dictionary, name, each) for name, each in found.items()]
            if request.only_open:
                told = [each for each in told if any(one.problem for one in each.properties)]
            pending = self._seen.pending_count(connection, tenant)
            answer = pb.ListSeenEventTypesResponse(event_types=told, pending_count=pending)
            if answer.ByteSize() > MAX_MESSAGE_BYTES:
                raise InvalidField(
                    "names", f"the answer has {answer.ByteSize()} bytes: name fewer event types"
                )
            return answer

        return await self._database.read(work)

    async def SuggestEventType(
        self, request: pb.SuggestEventTypeRequest, context: Context
    ) -> pb.SuggestEventTypeResponse:
        tenant = current_principal().require_tenant()

        def work(connection: Connection) -> pb.SuggestEventTypeResponse:
            found = self._seen.types(connection, tenant, (request.name,))
            if request.name not in found:
                known = self._seen.types(connection, tenant)
                raise ResourceNotFound(f"event type {request.name}", nearest(request.name, known))
            dictionary = self._dictionaries.of(connection, tenant)
            message, remarks = suggestion(dictionary, request.name, found[request.name])
            return pb.SuggestEventTypeResponse(event_type=message, remarks=remarks)

        return await self._database.read(work)


def _answer(dictionary: Dictionary) -> pb.ListEventTypesResponse:
    return pb.ListEventTypesResponse(
        event_types=[event_type(dictionary, dictionary.events[name]) for name in sorted(dictionary.events)],
        reference_tables=[
            pb.ReferenceTableType(
                name=name,
                columns=[property_(dictionary, each) for each in dictionary.tables[name].columns],
            )
            for name in sorted(dictionary.tables)
        ],
    )
