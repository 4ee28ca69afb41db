"""One place to send records, take decisions and read persons over a real channel."""

from collections.abc import Mapping
from typing import Any

from google.protobuf.message import Message
from huaxiang.identity.v1 import (
    explain_service_pb2,
    explain_service_pb2_grpc,
    identifier_pb2,
    ingest_service_pb2,
    ingest_service_pb2_grpc,
    link_pb2,
    operation_service_pb2,
    operation_service_pb2_grpc,
    person_pb2,
    person_service_pb2,
    person_service_pb2_grpc,
)
from identity_records import identifiers, record
from servicekit.testing.servers import LocalServer

REASON = "two cards on the desk"


class Desk:
    """Acts as the admin of a tenant, t1 unless it is named."""

    def __init__(self, server: LocalServer, role: str = "admin", tenant: str | None = None) -> None:
        channel = server.connect(role, tenant)
        self.ingest = ingest_service_pb2_grpc.IngestServiceStub(channel)
        self.persons = person_service_pb2_grpc.PersonServiceStub(channel)
        self.operations = operation_service_pb2_grpc.OperationServiceStub(channel)
        self.explain = explain_service_pb2_grpc.ExplainServiceStub(channel)
        self._sent = 0

    async def say(self, fields: Mapping[str, Any] | None = None, /, **values: str) -> int:
        """Sends one record with these identifiers; answers its person."""
        self._sent += 1
        sent = record(f"said-{self._sent}", identifiers(**values), **(fields or {}))
        answer = await self.ingest.IngestEvents(ingest_service_pb2.IngestEventsRequest(records=[sent]))
        assert not answer.results[0].refusals, answer
        return int(answer.results[0].person_id)

    async def person(self, person_id: int) -> person_service_pb2.GetPersonResponse:
        return await self.persons.GetPerson(person_service_pb2.GetPersonRequest(person_id=person_id))

    async def detail(self, person_id: int) -> person_pb2.PersonDetail:
        return (await self.person(person_id)).person

    async def merge(self, one: int, other: int, **more: Any) -> operation_service_pb2.MergeResponse:
        return await self.operations.Merge(
            operation_service_pb2.MergeRequest(person_id=one, other_person_id=other, reason=REASON, **more)
        )

    async def split(
        self, person_id: int, *keys: link_pb2.KeyRef, **more: Any
    ) -> operation_service_pb2.SplitResponse:
        return await self.operations.Split(
            operation_service_pb2.SplitRequest(person_id=person_id, keys=keys, reason=REASON, **more)
        )

    async def bind(
        self, one: link_pb2.KeyRef, other: link_pb2.KeyRef, **more: Any
    ) -> operation_service_pb2.BindResponse:
        return await self.operations.Bind(
            operation_service_pb2.BindRequest(key=one, other=other, reason=REASON, **more)
        )

    async def unbind(
        self, one: link_pb2.KeyRef, other: link_pb2.KeyRef, **more: Any
    ) -> operation_service_pb2.UnbindResponse:
        return await self.operations.Unbind(
            operation_service_pb2.UnbindRequest(key=one, other=other, reason=REASON, **more)
        )

    async def undo(self, operation_id: int, **more: Any) -> operation_service_pb2.UndoOperationResponse:
        return await self.operations.UndoOperation(
            operation_service_pb2.UndoOperationRequest(operation_id=operation_id, reason=REASON, **more)
        )

    async def why(
        self, one: link_pb2.KeyRef, other: link_pb2.KeyRef
    ) -> explain_service_pb2.ExplainLinkResponse:
        return await self.explain.ExplainLink(explain_service_pb2.ExplainLinkRequest(key=one, other=other))


def named(scope: str = "", /, **value: str) -> link_pb2.KeyRef:
    """named(phone="139...")"""
    ((namespace, text),) = value.items()
    return link_pb2.KeyRef(identifier=identifier_pb2.Identifier(namespace=namespace, value=text, scope=scope))


def id_of(answer: Message) -> int:
    """The operation of an answer."""
    return int(answer.outcome.operation.operation_id)  # type: ignore[attr-defined]
