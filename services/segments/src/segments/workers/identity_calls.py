"""What segments asks of identity."""

import json
from collections.abc import Sequence

import grpc
from huaxiang.identity.v1 import identifier_pb2, person_service_pb2, policy_service_pb2
from huaxiang.identity.v1 import identifier_service_pb2 as identifiers_pb
from huaxiang.identity.v1.identifier_service_pb2_grpc import IdentifierServiceStub
from huaxiang.identity.v1.person_service_pb2_grpc import PersonServiceStub
from huaxiang.identity.v1.policy_service_pb2_grpc import PolicyServiceStub
from segments.app.export_identifiers import Served, Serving
from segments.app.upload_members import Named
from segments.domain.exports import Export
from segments.domain.upload import Match
from servicekit.errors import InvalidField, UpstreamUnavailable
from servicekit.principal import TENANT_KEY

SERVICE = "identity"
PERSONS_A_CALL = 1_000
MAX_REASON_CHARS = 2_000
_SERVING = {
    identifiers_pb.IDENTIFIERS_STATUS_SERVED: Serving.SERVED,
    identifiers_pb.IDENTIFIERS_STATUS_NO_CONSENT: Serving.NO_CONSENT,
    identifiers_pb.IDENTIFIERS_STATUS_WITHDRAWN: Serving.NO_CONSENT,
    identifiers_pb.IDENTIFIERS_STATUS_NO_IDENTIFIER: Serving.NO_IDENTIFIER,
    identifiers_pb.IDENTIFIERS_STATUS_NO_PERSON: Serving.ERASED,
}


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


class IdentityIdentifiers:
    """Implements Identifiers; without a channel identity is away."""

    def __init__(self, channel: grpc.aio.Channel | None) -> None:
        self._stub = None if channel is None else IdentifierServiceStub(channel)
        self._policies = None if channel is None else PolicyServiceStub(channel)

    async def namespaces(self, tenant: str) -> frozenset[str]:
        if self._policies is None:
            raise UpstreamUnavailable(SERVICE)
        request = policy_service_pb2.GetPolicyRequest()
        try:
            answer = await self._policies.GetPolicy(request, metadata=((TENANT_KEY, tenant),))
        except grpc.aio.AioRpcError as error:
            raise UpstreamUnavailable(SERVICE) from error
        return frozenset(each["name"] for each in json.loads(answer.policy.document)["namespaces"])

    async def __call__(self, tenant: str, export: Export, person_ids: Sequence[int]) -> list[Served]:
        if self._stub is None:
            raise UpstreamUnavailable(SERVICE)
        found: list[Served] = []
        for start in range(0, len(person_ids), PERSONS_A_CALL):
            request = identifiers_pb.GetIdentifiersRequest(
                person_ids=person_ids[start : start + PERSONS_A_CALL],
                namespaces=export.namespaces,
                purpose=export.purpose,
                brand=export.brand,
                reason=f"export {export.export_id}: {export.reason}"[:MAX_REASON_CHARS],
                requester=export.subject,
            )
            try:
                answer = await self._stub.GetIdentifiers(request, metadata=((TENANT_KEY, tenant),))
            except grpc.aio.AioRpcError as error:
                if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                    problem = f"are refused by identity: {error.details()}"
                    raise InvalidField("identifier_namespaces", problem) from error
                raise UpstreamUnavailable(SERVICE) from error
            found += [_served(export, each) for each in answer.results]
        return found


def _served(export: Export, person: identifiers_pb.PersonIdentifiers) -> Served:
    by_namespace: dict[str, list[str]] = {each: [] for each in export.namespaces}
    for each in person.identifiers:
        by_namespace[each.namespace].append(f"{each.value}@{each.scope}" if each.scope else each.value)
    return Served(_SERVING[person.status], tuple(map(tuple, by_namespace.values())))
