"""ExplainService."""

import grpc
from huaxiang.identity.v1 import explain_service_pb2 as pb
from huaxiang.identity.v1 import explain_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.freshness import Freshness
from servicekit.paging import make_token, page_size, read_token, request_hash

from identity.api import parse_operations, render_links
from identity.api.parse_operations import OperationParser
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.explain_link import ExplainLink
from identity.app.link_history import ListConflicts, list_merge_history

Context = grpc.aio.ServicerContext[object, object]


class ExplainServicer(explain_service_pb2_grpc.ExplainServiceServicer):
    """Says why persons are who they are."""

    def __init__(
        self,
        transactions: Transactions,
        freshness: Freshness,
        parser: OperationParser,
        policies: TenantPolicies,
        explain: ExplainLink,
        conflicts: ListConflicts,
    ) -> None:
        self._transactions = transactions
        self._freshness = freshness
        self._parser = parser
        self._policies = policies
        self._explain = explain
        self._conflicts = conflicts

    async def ExplainLink(self, request: pb.ExplainLinkRequest, context: Context) -> pb.ExplainLinkResponse:
        tenant = current_principal().require_tenant()
        parser = self._parser.under(await self._policies.of(tenant))
        key, other = parser.key_ref("key", request.key), parser.key_ref("other", request.other)
        await self._freshness.ensure(request.consistency)
        return render_links.explanation(await self._transactions.read(self._explain, tenant, key, other))

    async def ListMergeHistory(
        self, request: pb.ListMergeHistoryRequest, context: Context
    ) -> pb.ListMergeHistoryResponse:
        tenant = current_principal().require_tenant()
        person_id = parse_operations.filtered_person(request)
        bound, size = request_hash(request, tenant), page_size(request.page_size)
        last = read_token(request.page_token, bound, int)
        before = last[0] if last else 0
        rows = await self._transactions.read(list_merge_history, tenant, person_id, before, size)
        token = make_token([rows[-1].sequence], bound) if len(rows) == size else ""
        return pb.ListMergeHistoryResponse(
            steps=[render_links.merge_step(row) for row in rows], next_page_token=token
        )

    async def ListConflicts(
        self, request: pb.ListConflictsRequest, context: Context
    ) -> pb.ListConflictsResponse:
        tenant = current_principal().require_tenant()
        person_id = parse_operations.filtered_person(request)
        bound, size = request_hash(request, tenant), page_size(request.page_size)
        after = parse_operations.last_conflict(read_token(request.page_token, bound, int, int, int))
        shown, last = await self._transactions.read(self._conflicts, tenant, person_id, after, size)
        token = "" if last is None else make_token([last.key_id, last.other_key_id, int(last.reason)], bound)
        return pb.ListConflictsResponse(
            conflicts=[render_links.conflict(each) for each in shown], next_page_token=token
        )
