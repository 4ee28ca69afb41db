"""IdentifierService."""

import grpc
from huaxiang.identity.v1 import identifier_pb2, identifier_service_pb2, identifier_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.errors import InvalidField
from servicekit.freshness import Freshness
from servicekit.principal import Principal

from identity.api.transactions import Transactions
from identity.api.values import check_count, name_is_valid
from identity.app.get_identifiers import GetIdentifiers, IdentifiersAnswer, IdentifiersQuestion

MAX_PERSONS = 1_000
MAX_NAMESPACES = 10
MAX_REASON_CHARS = 2_000
MAX_REQUESTER_CHARS = 128
Context = grpc.aio.ServicerContext[object, object]


class IdentifierServicer(identifier_service_pb2_grpc.IdentifierServiceServicer):
    """Hands out identifiers of many."""

    def __init__(
        self, transactions: Transactions, freshness: Freshness, get_identifiers: GetIdentifiers
    ) -> None:
        self._transactions = transactions
        self._freshness = freshness
        self._get_identifiers = get_identifiers

    async def GetIdentifiers(
        self, request: identifier_service_pb2.GetIdentifiersRequest, context: Context
    ) -> identifier_service_pb2.GetIdentifiersResponse:
        question = _question(request, current_principal())
        await self._freshness.ensure(request.consistency)
        answer = await self._transactions.read(self._get_identifiers, question)
        await self._transactions.write(self._get_identifiers.audit, question, answer)
        return _rendered(answer)


def _question(
    request: identifier_service_pb2.GetIdentifiersRequest, principal: Principal
) -> IdentifiersQuestion:
    check_count("person_ids", len(request.person_ids), MAX_PERSONS)
    check_count("namespaces", len(request.namespaces), MAX_NAMESPACES)
    if len(set(request.namespaces)) < len(request.namespaces):
        raise InvalidField("namespaces", "name one twice")
    if not name_is_valid(request.purpose):
        raise InvalidField("purpose", "is not 1 to 64 characters of a-z, 0-9 and _")
    if request.brand and not name_is_valid(request.brand.replace("-", "_")):
        raise InvalidField("brand", "is not at most 64 characters of a-z, 0-9, _ and -")
    if not request.reason.strip() or not _printable(request.reason, MAX_REASON_CHARS):
        raise InvalidField("reason", f"is not 1 to {MAX_REASON_CHARS} printable characters")
    if not _printable(request.requester, MAX_REQUESTER_CHARS):
        raise InvalidField("requester", f"is not at most {MAX_REQUESTER_CHARS} printable characters")
    return IdentifiersQuestion(
        principal.require_tenant(),
        principal.subject,
        request.requester,
        tuple(request.person_ids),
        tuple(request.namespaces),
        request.purpose,
        request.brand,
        request.reason,
    )


def _printable(text: str, most: int) -> bool:
    return len(text) <= most and text.isprintable()


def _rendered(answer: IdentifiersAnswer) -> identifier_service_pb2.GetIdentifiersResponse:
    return identifier_service_pb2.GetIdentifiersResponse(
        results=[
            identifier_service_pb2.PersonIdentifiers(
                person_id=result.person_id,
                status=identifier_service_pb2.IdentifiersStatus.ValueType(result.status),
                identifiers=[
                    identifier_pb2.Identifier(namespace=each.namespace, scope=each.scope, value=each.value)
                    for each in result.identifiers
                ],
            )
            for result in answer.results
        ],
        revision=answer.revision.to_proto(),
    )
