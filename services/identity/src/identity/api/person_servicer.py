"""PersonService."""

import grpc
from huaxiang.identity.v1 import person_service_pb2, person_service_pb2_grpc
from servicekit.calls import current_principal
from servicekit.errors import InvalidField, RightMissing
from servicekit.freshness import Freshness
from servicekit.rights import may

from identity.api import parse, render
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.get_person import GetPerson, PersonQuestion
from identity.app.resolve_identifiers import ResolveIdentifiers
from identity.domain.normalise import Normaliser

SHOW_VALUES_RIGHT = "identity.identifiers.read"
Context = grpc.aio.ServicerContext[object, object]


class PersonServicer(person_service_pb2_grpc.PersonServiceServicer):
    """Reads persons."""

    def __init__(
        self,
        transactions: Transactions,
        freshness: Freshness,
        policies: TenantPolicies,
        normaliser: Normaliser,
        resolve: ResolveIdentifiers,
        get_person: GetPerson,
    ) -> None:
        self._transactions = transactions
        self._freshness = freshness
        self._policies = policies
        self._normaliser = normaliser
        self._resolve = resolve
        self._get_person = get_person

    async def ResolveIdentifiers(
        self, request: person_service_pb2.ResolveIdentifiersRequest, context: Context
    ) -> person_service_pb2.ResolveIdentifiersResponse:
        tenant = current_principal().require_tenant()
        policy = await self._policies.of(tenant)
        lookups = parse.lookups(request, policy, self._normaliser.under(policy))
        await self._freshness.ensure(request.consistency)
        return render.resolution(await self._transactions.read(self._resolve, tenant, lookups))

    async def GetPerson(
        self, request: person_service_pb2.GetPersonRequest, context: Context
    ) -> person_service_pb2.GetPersonResponse:
        principal = current_principal()
        if request.show_values and not may(principal, SHOW_VALUES_RIGHT):
            raise RightMissing(SHOW_VALUES_RIGHT)
        if request.person_id <= 0:
            raise InvalidField("person_id", "is not positive")
        question = PersonQuestion(
            principal.require_tenant(), principal.subject, request.person_id, request.show_values
        )
        await self._freshness.ensure(request.consistency)
        answer = await self._transactions.read(self._get_person, question)
        if request.show_values:
            await self._transactions.write(self._get_person.audit, question, answer)
        return render.person_detail(answer)
