"""Who is one person: what humans decide, and why persons are who they are."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from huaxiang.identity.v1 import explain_service_pb2 as explain_pb
from huaxiang.identity.v1 import identifier_pb2, link_pb2, person_pb2
from huaxiang.identity.v1 import operation_service_pb2 as pb
from huaxiang.identity.v1.explain_service_pb2_grpc import ExplainServiceStub
from huaxiang.identity.v1.operation_service_pb2_grpc import OperationServiceStub

from cli.exits import Exit, Refusal
from cli.ids import id_of

PAGE = 500
REASONS = {
    person_pb2.CONFLICT_REASON_UNIQUE: "a person has one value of this kind, they have two",
    person_pb2.CONFLICT_REASON_SHARED: "more people use it than one person's would",
    person_pb2.CONFLICT_REASON_OVERSIZED: "together they would have too many identifiers",
    person_pb2.CONFLICT_REASON_CANNOT_LINK: "somebody keeps them apart",
    person_pb2.CONFLICT_REASON_LIMIT: "together they would have too many of this kind",
    person_pb2.CONFLICT_REASON_EXPIRED: "it had another holder then",
    person_pb2.CONFLICT_REASON_QUARANTINED: "too many identifiers hang together there",
}
"""Why two identifiers stay apart."""


def key_ref(text: str) -> link_pb2.KeyRef:
    """key:17, record:shop/r-1, phone=13800000001, crm_id=crm:7. Raises Refusal."""
    kind, _, rest = text.partition(":")
    if kind == "key" and rest.isdecimal():
        return link_pb2.KeyRef(key_id=id_of(rest, "identifier"))
    source, slash, record_id = rest.partition("/")
    if kind == "record" and slash:
        return link_pb2.KeyRef(record=link_pb2.RecordRef(source=source, record_id=record_id))
    namespace, equals, value = text.partition("=")
    if not equals or not value:
        raise Refusal(
            f"{text!r} names no identifier: write phone=13800000001, crm_id=crm:7, key:17 or record:shop/r-1",
            Exit.USAGE,
        )
    scope, _, bare = value.rpartition(":")
    return link_pb2.KeyRef(identifier=identifier_pb2.Identifier(namespace=namespace, value=bare, scope=scope))


async def merge(
    channel: grpc.aio.Channel, one: int, other: int, reason: str, *, dry_run: bool
) -> pb.MergeResponse:
    """Says that two persons are one."""
    return await OperationServiceStub(channel).Merge(
        pb.MergeRequest(
            request_id=_new_id(), person_id=one, other_person_id=other, reason=reason, validate_only=dry_run
        )
    )


async def split(
    channel: grpc.aio.Channel, person_id: int, keys: list[link_pb2.KeyRef], reason: str, *, dry_run: bool
) -> pb.SplitResponse:
    """Says that some identifiers of a person are another's."""
    return await OperationServiceStub(channel).Split(
        pb.SplitRequest(
            request_id=_new_id(), person_id=person_id, keys=keys, reason=reason, validate_only=dry_run
        )
    )


async def bind(
    channel: grpc.aio.Channel, key: link_pb2.KeyRef, other: link_pb2.KeyRef, reason: str, *, dry_run: bool
) -> pb.BindResponse:
    """Says that two identifiers are one person's."""
    return await OperationServiceStub(channel).Bind(
        pb.BindRequest(request_id=_new_id(), key=key, other=other, reason=reason, validate_only=dry_run)
    )


async def unbind(
    channel: grpc.aio.Channel, key: link_pb2.KeyRef, other: link_pb2.KeyRef, reason: str, *, dry_run: bool
) -> pb.UnbindResponse:
    """Says that two identifiers are not one person's."""
    return await OperationServiceStub(channel).Unbind(
        pb.UnbindRequest(request_id=_new_id(), key=key, other=other, reason=reason, validate_only=dry_run)
    )


async def undo(
    channel: grpc.aio.Channel, operation_id: int, reason: str, *, dry_run: bool
) -> pb.UndoOperationResponse:
    """Takes an operation out of force."""
    return await OperationServiceStub(channel).UndoOperation(
        pb.UndoOperationRequest(
            request_id=_new_id(), operation_id=operation_id, reason=reason, validate_only=dry_run
        )
    )


async def explain(
    channel: grpc.aio.Channel, key: link_pb2.KeyRef, other: link_pb2.KeyRef, token: str = ""
) -> explain_pb.ExplainLinkResponse:
    """Why two identifiers are one person's, or not."""
    from cli.calls.segments import fresh

    return await ExplainServiceStub(channel).ExplainLink(
        explain_pb.ExplainLinkRequest(key=key, other=other, consistency=fresh(token) if token else None)
    )


async def history(channel: grpc.aio.Channel, person_id: int, limit: int) -> list[link_pb2.MergeStep]:
    """Who became whom, the latest first."""
    stub = ExplainServiceStub(channel)

    async def page(token: str) -> Any:
        return await stub.ListMergeHistory(
            explain_pb.ListMergeHistoryRequest(
                person_id=person_id, page_size=min(limit, PAGE), page_token=token
            )
        )

    return await _first(page, "steps", limit)


async def conflicts(channel: grpc.aio.Channel, person_id: int, limit: int) -> list[link_pb2.LinkConflict]:
    """Who stays apart."""
    stub = ExplainServiceStub(channel)

    async def page(token: str) -> Any:
        return await stub.ListConflicts(
            explain_pb.ListConflictsRequest(person_id=person_id, page_size=min(limit, PAGE), page_token=token)
        )

    return await _first(page, "conflicts", limit)


async def operations(channel: grpc.aio.Channel, limit: int) -> list[Any]:
    """What humans decided, the latest first."""
    stub = OperationServiceStub(channel)

    async def page(token: str) -> Any:
        return await stub.ListOperations(
            pb.ListOperationsRequest(page_size=min(limit, PAGE), page_token=token)
        )

    return await _first(page, "operations", limit)


async def _first(page: Callable[[str], Awaitable[Any]], field: str, limit: int) -> list[Any]:
    found: list[Any] = []
    async for each in _all(page, field):
        found.append(each)
        if len(found) == limit:
            break
    return found


async def _all(page: Callable[[str], Awaitable[Any]], field: str) -> AsyncIterator[Any]:
    token = ""
    while True:
        answer = await page(token)
        for each in getattr(answer, field):
            yield each
        token = answer.next_page_token
        if not token:
            return


def _new_id() -> str:
    return uuid.uuid4().hex
