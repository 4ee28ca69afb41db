"""An identity service at its wire: it knows some identifiers, and tells of erasures."""
# ruff: noqa: N802  # rpc names are the contract's

import json

from huaxiang.identity.v1 import identifier_pb2, policy_pb2
from huaxiang.identity.v1 import identifier_service_pb2 as identifiers
from huaxiang.identity.v1 import identifier_service_pb2_grpc as identifiers_grpc
from huaxiang.identity.v1 import person_service_pb2 as persons
from huaxiang.identity.v1 import person_service_pb2_grpc as persons_grpc
from huaxiang.identity.v1 import policy_service_pb2 as policies
from huaxiang.identity.v1 import policy_service_pb2_grpc as policies_grpc
from huaxiang.identity.v1 import privacy_service_pb2 as privacy
from huaxiang.identity.v1 import privacy_service_pb2_grpc as privacy_grpc
from servicekit.errors import InvalidField, UpstreamUnavailable
from servicekit.server import Service

MOST = 1_000
NAMESPACES = ("phone", "taobao_id", "shoe_size")


class FakeIdentity(
    persons_grpc.PersonServiceServicer,
    privacy_grpc.PrivacyServiceServicer,
    identifiers_grpc.IdentifierServiceServicer,
    policies_grpc.PolicyServiceServicer,
):
    """`known`: (namespace, value) -> person. Values that are not of digits are rubbish. `confirmed`: erasures.
    `withheld`: person -> why identity serves no identifiers of it. `asked`: what it was asked for identifiers."""

    def __init__(self, known: dict[tuple[str, str], int]) -> None:
        self.known = known
        self.away = False
        self.erasures: list[privacy.UnconfirmedErasure] = []
        self.confirmed: list[int] = []
        self.calls = 0
        self.withheld: dict[int, identifiers.IdentifiersStatus] = {}
        self.asked: list[identifiers.GetIdentifiersRequest] = []

    def services(self) -> list[Service]:
        return [
            Service(
                persons.DESCRIPTOR.services_by_name["PersonService"],
                persons_grpc.add_PersonServiceServicer_to_server,
                self,
            ),
            Service(
                privacy.DESCRIPTOR.services_by_name["PrivacyService"],
                privacy_grpc.add_PrivacyServiceServicer_to_server,
                self,
            ),
            Service(
                policies.DESCRIPTOR.services_by_name["PolicyService"],
                policies_grpc.add_PolicyServiceServicer_to_server,
                self,
            ),
            Service(
                identifiers.DESCRIPTOR.services_by_name["IdentifierService"],
                identifiers_grpc.add_IdentifierServiceServicer_to_server,
                self,
            ),
        ]

    async def ResolveIdentifiers(
        self, request: persons.ResolveIdentifiersRequest, context: object
    ) -> persons.ResolveIdentifiersResponse:
        if self.away:
            raise UpstreamUnavailable("the test")
        assert len(request.identifiers) <= MOST
        self.calls += 1
        return persons.ResolveIdentifiersResponse(
            results=[
                persons.ResolvedIdentifier(person_id=self.known.get((each.namespace, each.value), 0))
                if each.value.isdigit()
                else persons.ResolvedIdentifier(problem="is no phone number")
                for each in request.identifiers
            ]
        )

    async def GetPolicy(
        self, request: policies.GetPolicyRequest, context: object
    ) -> policies.GetPolicyResponse:
        document = json.dumps({"namespaces": [{"name": each} for each in NAMESPACES]})
        return policies.GetPolicyResponse(policy=policy_pb2.LinkingPolicy(document=document))

    async def GetIdentifiers(
        self, request: identifiers.GetIdentifiersRequest, context: object
    ) -> identifiers.GetIdentifiersResponse:
        if "shoe_size" in request.namespaces:
            raise InvalidField("namespaces", "name 'shoe_size'")
        self.asked.append(request)
        return identifiers.GetIdentifiersResponse(results=map(self._identifiers, request.person_ids))

    def _identifiers(self, person_id: int) -> identifiers.PersonIdentifiers:
        if person_id in self.withheld:
            return identifiers.PersonIdentifiers(status=self.withheld[person_id])
        found = [
            identifier_pb2.Identifier(
                namespace=namespace, value=value, scope="tmall" * (namespace == "taobao_id")
            )
            for (namespace, value), known in self.known.items()
            if known == person_id
        ]
        return identifiers.PersonIdentifiers(
            person_id=person_id, status=identifiers.IDENTIFIERS_STATUS_SERVED, identifiers=found
        )

    async def ListUnconfirmedErasures(
        self, request: privacy.ListUnconfirmedErasuresRequest, context: object
    ) -> privacy.ListUnconfirmedErasuresResponse:
        waiting = [each for each in self.erasures if each.erasure_id not in self.confirmed]
        return privacy.ListUnconfirmedErasuresResponse(erasures=waiting)

    async def ConfirmErasure(
        self, request: privacy.ConfirmErasureRequest, context: object
    ) -> privacy.ConfirmErasureResponse:
        self.confirmed.append(request.erasure_id)
        return privacy.ConfirmErasureResponse()
