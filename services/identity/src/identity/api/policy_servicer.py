"""PolicyService."""

from collections.abc import Iterator
from contextlib import contextmanager

import grpc
from huaxiang.identity.v1 import policy_pb2, policy_service_pb2_grpc
from huaxiang.identity.v1 import policy_service_pb2 as pb
from servicekit.calls import current_principal
from servicekit.errors import InvalidField, QueueFull
from servicekit.revision import Revision
from servicekit.values import timestamp

from identity.api.parse_operations import decider
from identity.api.tenant_policies import TenantPolicies
from identity.api.transactions import Transactions
from identity.app.replay_policy import PolicyWish, Replayed, ReplayPolicy
from identity.app.simulate_policy import GetPolicy, SimulatePolicy
from identity.domain.policy_effect import Cluster, PolicyEffect
from identity.store.linking_rows import StoredPolicy
from identity.store.ports import Stores

Context = grpc.aio.ServicerContext[object, object]


class PolicyServicer(policy_service_pb2_grpc.PolicyServiceServicer):
    """One simulation or replay at a time: each holds a tenant's evidence in memory."""

    def __init__(
        self,
        transactions: Transactions,
        policies: TenantPolicies,
        get: GetPolicy,
        simulate: SimulatePolicy,
        replay: ReplayPolicy,
    ) -> None:
        self._transactions = transactions
        self._policies = policies
        self._get = get
        self._simulate = simulate
        self._replay = replay
        self._busy = False

    async def GetPolicy(self, request: pb.GetPolicyRequest, context: Context) -> pb.GetPolicyResponse:
        version = request.version if request.HasField("version") else None
        if version is not None and version < 0:
            raise InvalidField("version", "is negative")
        tenant = current_principal().require_tenant()
        found, in_force = await self._transactions.read(self._get, tenant, version)
        return pb.GetPolicyResponse(policy=_policy(found, in_force=in_force))

    async def SimulatePolicy(
        self, request: pb.SimulatePolicyRequest, context: Context
    ) -> pb.SimulatePolicyResponse:
        tenant = current_principal().require_tenant()
        with self._alone():
            answer = await self._transactions.read(self._simulate, tenant, request.document)
        return pb.SimulatePolicyResponse(effect=_effect(answer.effect), revision=answer.revision.to_proto())

    async def ReplayPolicy(
        self, request: pb.ReplayPolicyRequest, context: Context
    ) -> pb.ReplayPolicyResponse:
        wish = PolicyWish(
            decider(request.reason, current_principal()),
            request.document,
            request.expected_version if request.HasField("expected_version") else None,
            request.confirm,
        )

        def answer(stores: Stores) -> bytes:
            done = self._replay(stores, wish)
            return _replayed(done, done.revision).SerializeToString()

        with self._alone():
            if request.validate_only:
                return _replayed(await self._transactions.rehearse(self._replay, wish), None)
            said = await self._transactions.write_once(wish.by.tenant, request.request_id, request, answer)
            await self._policies.read(wish.by.tenant)
        return pb.ReplayPolicyResponse.FromString(said)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._busy:
            raise QueueFull("policy simulations", 1)
        self._busy = True
        try:
            yield
        finally:
            self._busy = False


def _replayed(done: Replayed, revision: Revision | None) -> pb.ReplayPolicyResponse:
    return pb.ReplayPolicyResponse(
        version=done.version,
        effect=_effect(done.effect),
        revision=None if revision is None else revision.to_proto(),
    )


def _policy(stored: StoredPolicy, *, in_force: bool) -> policy_pb2.LinkingPolicy:
    return policy_pb2.LinkingPolicy(
        version=stored.version,
        document=stored.document,
        actor=stored.actor,
        reason=stored.reason,
        time=timestamp(stored.time_us) if stored.version else None,
        in_force=in_force,
    )


def _effect(effect: PolicyEffect) -> policy_pb2.PolicyEffect:
    return policy_pb2.PolicyEffect(
        persons_before=effect.persons_before,
        persons_after=effect.persons_after,
        persons_merged=effect.persons_merged,
        persons_split=effect.persons_split,
        keys_moved=effect.keys_moved,
        conflicts_before=effect.conflicts_before,
        conflicts_after=effect.conflicts_after,
        largest_before=_clusters(effect.largest_before),
        largest_after=_clusters(effect.largest_after),
    )


def _clusters(clusters: tuple[Cluster, ...]) -> list[policy_pb2.Cluster]:
    return [policy_pb2.Cluster(person_id=each.person_id, key_count=each.key_count) for each in clusters]
