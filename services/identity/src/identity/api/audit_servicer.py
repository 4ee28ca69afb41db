"""AuditService."""

import grpc
from huaxiang.identity.v1 import audit_service_pb2, audit_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.paging import make_token, page_size, read_token, request_hash

from identity.api import parse_privacy, render_privacy
from identity.api.transactions import Transactions
from identity.app.audit import list_audit, verify_audit

Context = grpc.aio.ServicerContext[object, object]


class AuditServicer(audit_service_pb2_grpc.AuditServiceServicer):
    """Who saw or changed what."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    async def ListAudit(
        self, request: audit_service_pb2.ListAuditRequest, context: Context
    ) -> audit_service_pb2.ListAuditResponse:
        question = parse_privacy.audit_question(request, current_principal())
        size = page_size(request.page_size)
        bound_to = request_hash(request, question.tenant)
        last = read_token(request.page_token, bound_to, int)
        rows = await self._transactions.read(list_audit, question, last[0] if last else 0, size)
        return audit_service_pb2.ListAuditResponse(
            entries=[render_privacy.audit_entry(row) for row in rows],
            next_page_token=make_token((rows[-1].sequence,), bound_to) if len(rows) == size else "",
        )

    async def VerifyAudit(
        self, request: audit_service_pb2.VerifyAuditRequest, context: Context
    ) -> audit_service_pb2.VerifyAuditResponse:
        expected = parse_privacy.expected_end(request)
        tenant = current_principal().require_tenant()
        return render_privacy.verdict(await self._transactions.read(verify_audit, tenant, expected))
