"""An identity service at its wire: it knows some identifiers, and tells of erasures."""
# ruff: noqa: N802  # rpc names are the contract's

from huaxiang.identity.v1 import person_service_pb2 as persons
from huaxiang.identity.v1 import person_service_pb2_grpc as persons_grpc
from huaxiang.identity.v1 import privacy_service_pb2 as privacy
from huaxiang.identity.v1 import privacy_service_pb2_grpc as privacy_grpc
from servicekit.errors import UpstreamUnavailable
from servicekit.server import Service

MOST = 1_000


class FakeIdentity(persons_grpc.PersonServiceServicer, privacy_grpc.PrivacyServiceServicer):
    """`known`: (namespace, value) -> person. Values that are not of digits are rubbish. `confirmed`: erasures."""

    def __init__(self, known: dict[tuple[str, str], int]) -> None:
        self.known = known
        self.away = False
        self.erasures: list[privacy.UnconfirmedErasure] = []
        self.confirmed: list[int] = []
        self.calls = 0

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
