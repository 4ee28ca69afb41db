"""OperationService."""

from collections.abc import Callable
from typing import TypeVar

import grpc
from huaxiang.identity.v1 import operation_service_pb2 as pb
from huaxiang.identity.v1 import operation_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.paging import make_token, page_size, read_token, request_hash

from identity.api import parse_operations, render_links
from identity.api.parse_operations import OperationParser
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.operate import Decider, Operate, Operated, list_operations
from identity.store.ports import Stores

Context = grpc.aio.ServicerContext[object, object]
Request = pb.MergeRequest | pb.SplitRequest | pb.BindRequest | pb.UnbindRequest | pb.UndoOperationRequest
Response = TypeVar(
    "Response",
    pb.MergeResponse,
    pb.SplitResponse,
    pb.BindResponse,
    pb.UnbindResponse,
    pb.UndoOperationResponse,
)


class OperationServicer(operation_service_pb2_grpc.OperationServiceServicer):
    """Takes humans' decisions and takes them back."""

    def __init__(
        self,
        transactions: Transactions,
        parser: OperationParser,
        policies: TenantPolicies,
        operate: Operate,
    ) -> None:
        self._transactions = transactions
        self._parser = parser
        self._policies = policies
        self._operate = operate

    async def Merge(self, request: pb.MergeRequest, context: Context) -> pb.MergeResponse:
        by, persons = self._decider(request), parse_operations.two_persons(request)
        return await self._run(
            request, lambda stores: self._operate.merge(stores, by, *persons), pb.MergeResponse
        )

    async def Split(self, request: pb.SplitRequest, context: Context) -> pb.SplitResponse:
        by = self._decider(request)
        keys = (await self._parser_of(by)).split_keys(request)
        person_id = parse_operations.person_id("person_id", request.person_id)
        return await self._run(
            request, lambda stores: self._operate.split(stores, by, person_id, keys), pb.SplitResponse
        )

    async def Bind(self, request: pb.BindRequest, context: Context) -> pb.BindResponse:
        by = self._decider(request)
        parser = await self._parser_of(by)
        key, other = parser.key_ref("key", request.key), parser.key_ref("other", request.other)
        return await self._run(
            request, lambda stores: self._operate.bind(stores, by, key, other), pb.BindResponse
        )

    async def Unbind(self, request: pb.UnbindRequest, context: Context) -> pb.UnbindResponse:
        by = self._decider(request)
        parser = await self._parser_of(by)
        key, other = parser.key_ref("key", request.key), parser.key_ref("other", request.other)
        return await self._run(
            request, lambda stores: self._operate.unbind(stores, by, key, other), pb.UnbindResponse
        )

    async def UndoOperation(
        self, request: pb.UndoOperationRequest, context: Context
    ) -> pb.UndoOperationResponse:
        by = self._decider(request)
        operation_id = parse_operations.operation_id(request.operation_id)
        return await self._run(
            request, lambda stores: self._operate.undo(stores, by, operation_id), pb.UndoOperationResponse
        )

    async def ListOperations(
        self, request: pb.ListOperationsRequest, context: Context
    ) -> pb.ListOperationsResponse:
        tenant = current_principal().require_tenant()
        bound, size = request_hash(request, tenant), page_size(request.page_size)
        last = read_token(request.page_token, bound, int)
        before = last[0] if last else 0
        rows = await self._transactions.read(list_operations, tenant, before, size)
        token = make_token([rows[-1].operation.operation_id], bound) if len(rows) == size else ""
        return pb.ListOperationsResponse(
            operations=[render_links.operation(row) for row in rows], next_page_token=token
        )

    async def _parser_of(self, by: Decider) -> OperationParser:
        return self._parser.under(await self._policies.of(by.tenant))

    def _decider(self, request: Request) -> Decider:
        return parse_operations.decider(request.reason, current_principal())

    async def _run(
        self, request: Request, decide: Callable[[Stores], Operated], response: type[Response]
    ) -> Response:
        if request.validate_only:
            return response(outcome=render_links.outcome(await self._transactions.rehearse(decide)))

        def answer(stores: Stores) -> bytes:
            done = decide(stores)
            said = response(outcome=render_links.outcome(done), revision=done.revision.to_proto())
            return said.SerializeToString()

        tenant = current_principal().require_tenant()
        said = await self._transactions.write_once(tenant, request.request_id, request, answer)
        return response.FromString(said)
