"""Removes keys with everything that is kept at them, and links anew what was seen with them: the rest stands as if
they had never been.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from servicekit.changelog import Entry
from servicekit.revision import Lane, Revision

from identity.app.encoding import ChangeKind, Encoding
from identity.app.keep_facts import own_addresses
from identity.app.policies import PolicyBook
from identity.app.publish_persons import PublishPersons
from identity.app.region import GraphChange
from identity.app.relink import Relinked, relink
from identity.app.store_changes import store_relinked
from identity.domain.person import Person, PersonKey, PersonState
from identity.domain.person_ids import IdBlocks
from identity.domain.policy import Policy
from identity.store.linking_rows import Cause, CauseKind
from identity.store.ports import Stores, Vault
from identity.store.privacy_rows import Removed
from identity.store.rows import KeyRow, PersonRow


@dataclass(frozen=True)
class ErasedKeys:
    """What was removed; `tombstones` are of the keys' identifiers and addresses; `others` the living persons that are
    published anew because of it."""

    removed: Removed
    tombstones: tuple[bytes, ...]
    others: tuple[int, ...]
    revision: Revision


class EraseKeys:
    """In the caller's transaction, under the tenant's lock."""

    def __init__(
        self, policies: PolicyBook, vault: Vault, encoding: Encoding, publish: PublishPersons
    ) -> None:
        self._policies = policies
        self._vault = vault
        self._encoding = encoding
        self._publish = publish

    def __call__(
        self,
        stores: Stores,
        tenant: str,
        rows: Mapping[int, KeyRow],
        person_ids: Collection[int],
        key_ids: Collection[int],
        now_us: int,
    ) -> ErasedKeys:
        """Erases the keys `rows` and publishes `person_ids` as erased, once each, the first with `key_ids`, every key
        to mask; ids that still hold other keys are published as what is left of them."""
        counters = stores.tenants.lock(tenant, stores.changes.head().epoch)
        own = own_addresses(stores, tenant, rows, self._vault).keys()
        removed = stores.forgetting.remove(tenant, rows.keys(), own)
        policy = self._policies.of_version(stores.policies, tenant, counters.policy_version)
        relinked, blocks = self._relink_rest(
            stores, tenant, removed.neighbours, policy, counters.blocks, now_us
        )
        left = stores.keys.of_persons(tenant, person_ids)
        emptied = [person_id for person_id in person_ids if person_id not in left]
        stores.forgetting.clear_persons(tenant, emptied)
        touched = relinked.person_ids | {row.person_id for row in relinked.rows.values()} | left.keys()
        others = self._publish.changed(stores, tenant, touched - set(emptied) - {0}, relinked, policy, now_us)
        gone = self._gone(stores, tenant, emptied, key_ids)
        stores.tenants.save(tenant, replace(counters, blocks=blocks))
        revision = self._append(stores, tenant, [*gone, *others])
        hashes = {row.hash for row in rows.values()} | {address.hash for address in removed.addresses}
        marks = tuple(sorted(self._vault.tombstone(tenant, hash_) for hash_ in hashes))
        return ErasedKeys(removed, marks, tuple(row.person_id for row in others), revision)

    def _relink_rest(
        self,
        stores: Stores,
        tenant: str,
        neighbours: Collection[int],
        policy: Policy,
        blocks: IdBlocks,
        now_us: int,
    ) -> tuple[Relinked, IdBlocks]:
        """Links what was seen with the erased keys, judged anew: what was shared for them may not be any
        more."""
        taking = _Taking(blocks)
        change = GraphChange(touched=frozenset(neighbours))
        relinked = relink(stores, tenant, change, policy, taking.take)
        store_relinked(stores, tenant, change, relinked, {}, now_us, Cause(CauseKind.ERASURE, ""))
        return relinked, taking.left

    def _gone(
        self, stores: Stores, tenant: str, person_ids: Sequence[int], key_ids: Collection[int]
    ) -> list[PersonRow]:
        rows = stores.persons.rows(tenant, person_ids)
        masked = tuple(PersonKey(key_id, "") for key_id in sorted(key_ids))
        return [
            rows[person_id]._replace(
                entry=self._encoding.person(
                    Person(
                        person_id, PersonState.ERASED, 0, keys=masked if person_id == person_ids[0] else ()
                    )
                ),
                version=0,
            )
            for person_id in person_ids
            if person_id in rows
        ]

    def _append(self, stores: Stores, tenant: str, persons: Sequence[PersonRow]) -> Revision:
        versions: dict[int, int] = {}

        def entry_of(row: PersonRow) -> Entry:
            def payload(position: int) -> bytes:
                versions[row.person_id] = position
                return self._encoding.versioned(row.entry, position)

            return Entry(ChangeKind.PERSON, tenant, payload)

        revision = stores.changes.append(Lane.LIVE, [entry_of(row) for row in persons])
        stores.persons.save(
            tenant, [row._replace(version=versions[row.person_id], lane=int(Lane.LIVE)) for row in persons]
        )
        return revision


class _Taking:
    """Hands out person ids while what is left is linked."""

    def __init__(self, blocks: IdBlocks) -> None:
        self.left = blocks

    def take(self, strong: bool) -> int:
        person_id, self.left = self.left.take(strong)
        return person_id
