"""ChangeService: the changelog as a Watch, its bootstraps, and the consumers' acknowledgements."""

from collections.abc import AsyncIterator

import grpc
from huaxiang.identity.v1 import change_pb2, change_service_pb2, change_service_pb2_grpc
from huaxiang.type.v1 import revision_pb2
from servicekit.errors import InvalidField
from servicekit.revision import from_proto
from servicekit.watch import Watches

from identity.api import parse, render
from identity.api.encoding import change_message, settings_message
from identity.api.transactions import Transactions
from identity.app.acknowledge_changes import AcknowledgeChanges
from identity.app.encoding import ChangeKind
from identity.app.exports import export_events, export_persons

_KINDS = {
    change_pb2.CHANGE_KIND_EVENT: ChangeKind.EVENT,
    change_pb2.CHANGE_KIND_PERSON: ChangeKind.PERSON,
    change_pb2.CHANGE_KIND_SETTINGS: ChangeKind.SETTINGS,
}
Context = grpc.aio.ServicerContext[object, object]


class ChangeServicer(change_service_pb2_grpc.ChangeServiceServicer):
    """For the role service; covers all tenants."""

    def __init__(
        self, transactions: Transactions, watches: Watches, acknowledge: AcknowledgeChanges, service: str
    ) -> None:
        self._transactions = transactions
        self._watches = watches
        self._acknowledge = acknowledge
        self._service = service

    async def Watch(
        self, request: change_service_pb2.WatchRequest, context: Context
    ) -> AsyncIterator[change_service_pb2.WatchResponse]:
        if unknown := set(request.kinds) - _KINDS.keys():
            raise InvalidField("kinds", f"holds {len(unknown)} that are none of EVENT, PERSON, SETTINGS")
        batches = self._watches.watch(
            from_proto(request.after),
            lanes=parse.watched_lanes(request.lane),
            kinds=[_KINDS[kind] for kind in request.kinds],
        )
        async for batch in batches:
            yield change_service_pb2.WatchResponse(
                changes=[change_message(entry) for entry in batch.entries],
                lane=revision_pb2.Lane.ValueType(int(batch.lane)),
                progress=batch.progress.to_proto(),
            )

    async def ExportPersons(
        self, request: change_service_pb2.ExportPersonsRequest, context: Context
    ) -> AsyncIterator[change_service_pb2.ExportPersonsResponse]:
        async for part in self._transactions.stream(export_persons, self._service):
            yield change_service_pb2.ExportPersonsResponse(
                tenant=part.tenant,
                settings=settings_message(part.settings) if part.settings else None,
                persons=[render.person(row) for row in part.persons],
                revision=part.revision.to_proto() if part.revision else None,
            )

    async def ExportEvents(
        self, request: change_service_pb2.ExportEventsRequest, context: Context
    ) -> AsyncIterator[change_service_pb2.ExportEventsResponse]:
        async for part in self._transactions.stream(export_events, self._service):
            after = request.after_sequences.get(part.tenant, 0)
            events = [change_pb2.ResolvedEvent.FromString(payload) for payload in part.events]
            response = change_service_pb2.ExportEventsResponse(
                tenant=part.tenant,
                events=[event for event in events if event.ingest_sequence > after],
                revision=part.revision.to_proto() if part.revision else None,
            )
            if response.events or part.revision:
                yield response

    async def AcknowledgeChanges(
        self, request: change_service_pb2.AcknowledgeChangesRequest, context: Context
    ) -> change_service_pb2.AcknowledgeChangesResponse:
        through, highest = parse.acknowledged(request)
        await self._transactions.write(self._acknowledge, request.consumer, through, highest)
        return change_service_pb2.AcknowledgeChangesResponse()
