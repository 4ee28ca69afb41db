"""From a batch's identifiers to keys and to pairs of keys seen together."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import NamedTuple

from identity.app.hot_keys import HotKeys
from identity.domain.linking import Standing
from identity.domain.policy import Policy
from identity.domain.record import Identifier, Record
from identity.store.ports import Edges, Keys, Vault
from identity.store.rows import EdgeRow, KeyRow


class KeyedRecord(NamedTuple):
    """A record with its identifiers hashed, in the order stated, without repeats.

    `anchor` is the hash of the identifier of highest priority that may link, None without one: a function of
    the policy and the record alone.
    """

    record: Record
    identifiers: Mapping[bytes, Identifier]
    anchor: bytes | None


@dataclass(frozen=True)
class Keyed:
    """`key_ids` has every hash of the batch; `new_keys` are in ledger order; `new_pairs` are not stored
    yet.
    """

    key_ids: Mapping[bytes, int]
    new_keys: Mapping[int, tuple[KeyRow, Identifier]]
    pairs: frozenset[tuple[int, int]]
    new_pairs: tuple[EdgeRow, ...]

    def anchor_of(self, keyed: KeyedRecord) -> int:
        """The key id of a record's anchor: the one it names itself, else its strongest identifier's; 0 for none."""
        return keyed.record.anchor_key_id if keyed.anchor is None else self.key_ids[keyed.anchor]


def key_record(record: Record, tenant: str, vault: Vault, policy: Policy) -> KeyedRecord:
    """Hashes a record's identifiers and picks its anchor."""
    identifiers = {vault.identifier_hash(tenant, identifier): identifier for identifier in record.identifiers}
    linkable = [hash_ for hash_, identifier in identifiers.items() if not identifier.blocked]
    if len(linkable) > 1:
        linkable.sort(key=lambda hash_: (policy.namespaces[identifiers[hash_].namespace].priority, hash_))
    return KeyedRecord(record, identifiers, linkable[0] if linkable else None)


def find_keys(
    tenant: str, records: Sequence[KeyedRecord], keys: Keys, edges: Edges, hot: HotKeys, next_key_id: int
) -> Keyed:
    """The keys of a batch: stored ones and new ones numbered from `next_key_id` in ledger order; stores
    nothing.
    """
    stated = {hash_: found for keyed in records for hash_, found in keyed.identifiers.items()}
    key_ids = hot.keys(tenant, stated)
    key_ids |= keys.find(tenant, [hash_ for hash_ in stated if hash_ not in key_ids])
    new_keys: dict[int, tuple[KeyRow, Identifier]] = {}
    for hash_, identifier in stated.items():
        if hash_ not in key_ids:
            key_id = key_ids[hash_] = next_key_id + len(new_keys)
            standing = Standing.BLOCKED if identifier.blocked else Standing.LINKING
            row = KeyRow(key_id, identifier.namespace, identifier.scope, hash_, standing)
            new_keys[key_id] = (row, identifier)
    pairs = _pairs(records, key_ids)
    stored = hot.pairs(tenant, pairs)
    doubtful = [
        pair for pair in pairs if pair not in stored and pair[0] not in new_keys and pair[1] not in new_keys
    ]
    stored |= edges.existing(tenant, doubtful)
    new_pairs = tuple(edge for pair, edge in pairs.items() if pair not in stored)
    return Keyed(key_ids, new_keys, frozenset(pairs), new_pairs)


def _pairs(records: Sequence[KeyedRecord], key_ids: Mapping[bytes, int]) -> dict[tuple[int, int], EdgeRow]:
    pairs: dict[tuple[int, int], EdgeRow] = {}
    for keyed in records:
        linkable = sorted(key_ids[hash_] for hash_, found in keyed.identifiers.items() if not found.blocked)
        for low, high in combinations(linkable, 2):
            if (low, high) not in pairs:
                pairs[low, high] = EdgeRow(low, high, keyed.record.source, keyed.record.time_us)
    return pairs
