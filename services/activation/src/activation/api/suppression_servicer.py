"""SuppressionService: addresses that are left in peace."""

from collections.abc import Mapping, Sequence

from activation.app.suppressions import StatedAddress, StatedSuppression, Suppressions
from activation.domain.suppression import Scope, Suppression, address_problem, problem_of
from huaxiang.activation.v1 import suppression_service_pb2 as pb
from huaxiang.activation.v1.suppression_service_pb2_grpc import SuppressionServiceServicer
from servicekit.calls import current_principal
from servicekit.database import Database
from servicekit.errors import BatchTooLarge, InvalidField
from servicekit.paging import make_token, page_size, read_token, request_hash
from servicekit.values import timestamp_of

MAX_ADDRESSES = 1_000
_SCOPES: Mapping[int, Scope] = {
    pb.SUPPRESSION_SCOPE_GLOBAL: Scope.GLOBAL,
    pb.SUPPRESSION_SCOPE_BRAND: Scope.BRAND,
    pb.SUPPRESSION_SCOPE_CHANNEL: Scope.CHANNEL,
    pb.SUPPRESSION_SCOPE_TOPIC: Scope.TOPIC,
}
_NUMBERS = {scope: pb.SuppressionScope.ValueType(number) for number, scope in _SCOPES.items()}


class SuppressionServicer(SuppressionServiceServicer):
    """The list of the caller's tenant."""

    def __init__(self, database: Database, suppressions: Suppressions) -> None:
        self._database = database
        self._suppressions = suppressions

    async def AddSuppressions(
        self, request: pb.AddSuppressionsRequest, context: object
    ) -> pb.AddSuppressionsResponse:
        principal = current_principal()
        tenant, scope = principal.require_tenant(), _scope(request.scope, request.name, request.reason)
        stated = StatedSuppression(scope, request.name, request.every_class, request.reason)
        revision = await self._database.write(
            self._suppressions.add, tenant, principal.subject, _addresses(request.addresses), stated
        )
        return pb.AddSuppressionsResponse(revision=revision.to_proto())

    async def RemoveSuppressions(
        self, request: pb.RemoveSuppressionsRequest, context: object
    ) -> pb.RemoveSuppressionsResponse:
        tenant, scope = current_principal().require_tenant(), _scope(request.scope, request.name)
        removed, revision = await self._database.write(
            self._suppressions.remove, tenant, _addresses(request.addresses), scope, request.name
        )
        return pb.RemoveSuppressionsResponse(removed_count=removed, revision=revision.to_proto())

    async def ListSuppressions(
        self, request: pb.ListSuppressionsRequest, context: object
    ) -> pb.ListSuppressionsResponse:
        tenant = current_principal().require_tenant()
        if request.HasField("address"):
            (address,) = _addresses([request.address])
            found = await self._database.read(self._suppressions.of, tenant, address)
            return pb.ListSuppressionsResponse(suppressions=map(_rendered, found))
        size, bound_to = page_size(request.page_size), request_hash(request, tenant)
        last = read_token(request.page_token, bound_to, str, str, str)
        after = (last[0], last[1], last[2]) if last else ("", "", "")
        found = await self._database.read(self._suppressions.page, tenant, after, size + 1)
        page, more = found[:size], len(found) > size
        return pb.ListSuppressionsResponse(
            suppressions=map(_rendered, page),
            next_page_token=make_token([page[-1].dest_hash, page[-1].scope.value, page[-1].name], bound_to)
            if more
            else "",
        )


def _scope(number: int, name: str, reason: str = "") -> Scope:
    scope = _SCOPES.get(number)
    if scope is None:
        raise InvalidField("scope", "is missing: global, brand, channel or topic")
    if problem := problem_of(scope, name, reason):
        raise InvalidField(*problem)
    return scope


def _addresses(stated: Sequence[pb.SuppressedAddress]) -> list[StatedAddress]:
    if not stated:
        raise InvalidField("addresses", "is empty")
    if len(stated) > MAX_ADDRESSES:
        raise BatchTooLarge("addresses", len(stated), MAX_ADDRESSES)
    for number, each in enumerate(stated):
        if problem := address_problem(each.channel, each.address):
            raise InvalidField(f"addresses[{number}].{problem[0]}", problem[1])
    return [StatedAddress(each.channel, each.address) for each in stated]


def _rendered(entry: Suppression) -> pb.Suppression:
    return pb.Suppression(
        address_hash=entry.dest_hash,
        scope=_NUMBERS[entry.scope],
        name=entry.name,
        every_class=entry.every_class,
        reason=entry.reason,
        create_time=timestamp_of(entry.since),
        subject=entry.subject,
    )
