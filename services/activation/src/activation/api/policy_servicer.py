"""PolicyService: what a tenant lets be sent, and periods with caps of their own."""

from collections.abc import Callable

from activation.api import parse_policy, render_policy
from activation.app.policies import Policies
from activation.domain.policy import StoredPolicy
from huaxiang.activation.v1 import policy_service_pb2 as pb
from huaxiang.activation.v1.policy_service_pb2_grpc import PolicyServiceServicer
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.revision import Revision
from sqlalchemy import Connection


class PolicyServicer(PolicyServiceServicer):
    """The policy of the caller's tenant."""

    def __init__(
        self, database: Database, policies: Policies, read_at: Callable[[Connection], Revision]
    ) -> None:
        self._database = database
        self._policies = policies
        self._read_at = read_at

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: object) -> pb.GetPolicyResponse:
        tenant = current_principal().require_tenant()
        if request.version < 0:
            raise InvalidField("version", "is negative")
        stored, read_at = await self._database.read(self._get, tenant, request.version)
        return pb.GetPolicyResponse(policy=render_policy.policy(stored), revision=read_at.to_proto())

    def _get(self, connection: Connection, tenant: str, version: int) -> tuple[StoredPolicy, Revision]:
        read_at = self._read_at(connection)
        return self._policies.get(connection, tenant, version), read_at

    async def UpdatePolicy(self, request: pb.UpdatePolicyRequest, context: object) -> pb.UpdatePolicyResponse:
        principal = current_principal()
        tenant, policy = principal.require_tenant(), parse_policy.policy(request.policy)
        stored, revision = await self._database.write(
            self._policies.update, tenant, principal.subject, policy, request.etag
        )
        return pb.UpdatePolicyResponse(policy=render_policy.policy(stored), revision=revision.to_proto())

    async def ProposePeriod(
        self, request: pb.ProposePeriodRequest, context: object
    ) -> pb.ProposePeriodResponse:
        principal = current_principal()
        tenant, period = principal.require_tenant(), parse_policy.period(request.period)
        proposal, revision = await self._database.write(
            self._policies.propose, tenant, principal.subject, period
        )
        return pb.ProposePeriodResponse(period=render_policy.proposal(proposal), revision=revision.to_proto())

    async def ApprovePeriod(
        self, request: pb.ApprovePeriodRequest, context: object
    ) -> pb.ApprovePeriodResponse:
        principal = current_principal()
        proposal, revision = await self._database.write(
            self._policies.approve, principal.require_tenant(), principal.subject, request.name
        )
        return pb.ApprovePeriodResponse(period=render_policy.proposal(proposal), revision=revision.to_proto())

    async def WithdrawPeriod(
        self, request: pb.WithdrawPeriodRequest, context: object
    ) -> pb.WithdrawPeriodResponse:
        principal = current_principal()
        proposal, revision = await self._database.write(
            self._policies.withdraw, principal.require_tenant(), principal.subject, request.name
        )
        return pb.WithdrawPeriodResponse(
            period=render_policy.proposal(proposal), revision=revision.to_proto()
        )

    async def ListPeriods(self, request: pb.ListPeriodsRequest, context: object) -> pb.ListPeriodsResponse:
        tenant = current_principal().require_tenant()
        size, bound_to = page_size(request.page_size), request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, str)
        found = await self._database.read(self._policies.proposals, tenant, last[0] if last else "", size + 1)
        page, more = found[:size], len(found) > size
        return pb.ListPeriodsResponse(
            periods=[render_policy.proposal(each) for each in page],
            next_page_token=make_token([page[-1].period.name], bound_to) if more else "",
        )
