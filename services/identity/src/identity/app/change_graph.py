"""The one way to change who belongs together beside new records: what humans decide, matches, policies, erasures."""

from dataclasses import dataclass, replace

from servicekit.revision import Lane, Revision

from identity.app.append_changes import append_changes
from identity.app.effect import Effect, effect_of
from identity.app.encoding import Encoding
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.region import GraphChange
from identity.app.relink import Relinked, relink
from identity.app.store_changes import store_relinked
from identity.domain.person_ids import IdBlocks
from identity.store.linking_rows import Cause
from identity.store.ports import Stores


@dataclass(frozen=True)
class Changed:
    """What became of a change. `relinked.new_conflicts` says which wishes could not be obeyed, and why."""

    revision: Revision
    effect: Effect
    relinked: Relinked


class IdsTaken:
    """Hands out person ids while a transaction links; `left` is what to store."""

    def __init__(self, blocks: IdBlocks) -> None:
        self.left = blocks

    def __call__(self, strong: bool) -> int:
        person_id, self.left = self.left.take(strong)
        return person_id


class ChangeGraph:
    """Relinks, stores and publishes, in the caller's transaction, under the tenant's lock, which it takes.

    Before the call, whatever the change rests on is stored and its keys are marked (stores.marks): operations with
    Mark.VERDICT, matches with Mark.PROBABLE, a policy that is in force, keys that it blocks with Mark.BLOCKED. A dry
    run is the same call in a transaction that is rolled back.
    """

    def __init__(self, policies: PolicyBook, publish: PublishPersons, encoding: Encoding) -> None:
        self._policies = policies
        self._publish = publish
        self._encoding = encoding

    def __call__(
        self,
        stores: Stores,
        tenant: str,
        change: GraphChange,
        now_us: int,
        cause: Cause,
        lane: Lane = Lane.LIVE,
    ) -> Changed:
        """`change` holds no new keys. Appends to the changelog: the last thing that the transaction does."""
        counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
        take = IdsTaken(counters.blocks)
        policy = self._policies.of_version(stores.policies, tenant, counters.policy_version)
        relinked = relink(stores, tenant, change, policy, take)
        store_relinked(stores, tenant, change, relinked, {}, now_us, cause)
        persons = self._publish.changed(stores, tenant, relinked.person_ids, relinked, policy, now_us)
        stores.tenants.save(tenant, replace(counters, blocks=take.left))
        revision = append_changes(stores, self._encoding, tenant, lane, persons)
        return Changed(revision, effect_of(relinked), relinked)
