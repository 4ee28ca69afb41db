"""PolicyService: what a tenant lets be sent."""

from collections.abc import Callable

from activation.api import parse_policy, render_policy
from activation.app.policies import Policies
from activation.domain.policy import StoredPolicy
from huaxiang.activation.v1 import policy_service_pb2 as pb
from huaxiang.activation.v1.policy_service_pb2_grpc import PolicyServiceServicer
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import InvalidField
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
