"""What segments asks of identity."""

from collections.abc import Sequence

import grpc
from huaxiang.identity.v1 import identifier_pb2, person_service_pb2
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from segments.app.upload_members import Named
from segments.domain.upload import Match
from servicekit.errors import UpstreamUnavailable
from servicekit.principal import TENANT_KEY

SERVICE = "identity"


class IdentityResolve:
    """Implements Resolve; without a channel identity is away."""

    def __init__(self, channel: grpc.aio.Channel | None) -> None:
        self._stub = None if channel is None else PersonServiceStub(channel)

    async def __call__(self, tenant: str, identifiers: Sequence[Named], source: str) -> list[Match]:
        if self._stub is None:
            raise UpstreamUnavailable(SERVICE)
        request = person_service_pb2.ResolveIdentifiersRequest(
            identifiers=[
                identifier_pb2.Identifier(namespace=each.namespace, value=each.value, scope=each.scope)
                for each in identifiers
            ],
            source=source,
        )
        try:
            answer = await self._stub.ResolveIdentifiers(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable(SERVICE) from error
        return [Match(each.person_id, each.problem) for each in answer.results]
