"""From a batch's identifiers to keys and to evidence of pairs of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from identity.app.hot_keys import HotKeys
from identity.domain.evidence import DAY_US, Evidence, LinkKind, sighting
from identity.domain.linking import Standing
from identity.domain.policy import Policy
from identity.domain.record import Arrival, Identifier, Record
from identity.store.linking_rows import Mark
from identity.store.ports import Edges, Keys, Pair, RecordKey, Vault
from identity.store.rows import KeyRow


class KeyedRecord(NamedTuple):
    """A record with its identifiers hashed, in the order stated, without repeats.

    `anchor` is the hash of the identifier of highest priority that may link, None without one: a function of
    the policy and the record alone. `blocked` are those that the tenant's policy forbids to link.
    """

    record: Record
    identifiers: Mapping[bytes, Identifier]
    anchor: bytes | None
    blocked: frozenset[bytes] = frozenset()


class EdgeChange(NamedTuple):
    """What becomes of a pair; `before` None: it was never seen. `cause` is the first record that changed it."""

    before: Evidence | None
    after: Evidence
    cause: RecordKey


@dataclass(frozen=True)
class Keyed:
    """`key_ids` has every hash of the batch, `ids_of` the keys of each record as it states them; `new_keys` are in
    ledger order; `pairs` is what is known now of every pair of the batch, `changed` those of them that the store must
    hear of."""

    key_ids: Mapping[bytes, int]
    ids_of: Sequence[tuple[int, ...]]
    new_keys: Mapping[int, tuple[KeyRow, Identifier]]
    pairs: Mapping[Pair, Evidence]
    changed: Mapping[Pair, EdgeChange]

    def anchor_of(self, keyed: KeyedRecord) -> int:
        """The key id of a record's anchor: the one it names itself, else its strongest identifier's; 0 for none."""
        return keyed.record.anchor_key_id if keyed.anchor is None else self.key_ids[keyed.anchor]


def key_arrivals(
    tenant: str, arrivals: Iterable[Arrival], vault: Vault, policy: Policy
) -> list[KeyedRecord | None]:
    """`key_record` of each arrival, None for one that is refused as a whole."""
    return [
        None if arrival.record is None else key_record(arrival.record, tenant, vault, policy)
        for arrival in arrivals
    ]


def key_record(record: Record, tenant: str, vault: Vault, policy: Policy) -> KeyedRecord:
    """Hashes a record's identifiers and picks its anchor."""
    identifiers = {vault.identifier_hash(tenant, identifier): identifier for identifier in record.identifiers}
    return key_hashed(record, identifiers, policy)


def key_hashed(record: Record, identifiers: Mapping[bytes, Identifier], policy: Policy) -> KeyedRecord:
    """Picks the anchor of a record whose identifiers were hashed; what it says of attributes is verified when one of
    the identifiers that the anchor is picked from is."""
    blocked: frozenset[bytes] = frozenset()
    if policy.blocking:
        blocked = frozenset(
            hash_ for hash_, found in identifiers.items() if policy.blocks(found.namespace, found.value)
        )
    linkable = [hash_ for hash_, found in identifiers.items() if not found.blocked and hash_ not in blocked]
    if len(linkable) > 1:
        linkable.sort(key=lambda hash_: (policy.namespaces[identifiers[hash_].namespace].priority, hash_))
    if record.attributes and linkable:
        strongest = identifiers[linkable[0]].namespace
        linking = {identifiers[hash_][:3] for hash_ in linkable if identifiers[hash_].namespace == strongest}
        verified = any(each.verified and each[:3] in linking for each in record.identifiers)
        record = record._replace(
            attributes=tuple([replace(said, verified=verified) for said in record.attributes])
        )
    return KeyedRecord(record, identifiers, linkable[0] if linkable else None, blocked)


def find_keys(
    tenant: str, records: Sequence[KeyedRecord], keys: Keys, edges: Edges, hot: HotKeys, next_key_id: int
) -> Keyed:
    """The keys of a batch: stored ones and new ones numbered from `next_key_id` in ledger order; stores
    nothing.
    """
    stated: dict[bytes, Identifier] = {}
    for keyed in records:
        stated.update(keyed.identifiers)
    blocked = frozenset[bytes]().union(*(keyed.blocked for keyed in records))
    key_ids = hot.keys(tenant, stated)
    key_ids |= keys.find(tenant, [hash_ for hash_ in stated if hash_ not in key_ids])
    new_keys: dict[int, tuple[KeyRow, Identifier]] = {}
    for hash_, identifier in stated.items():
        if hash_ not in key_ids:
            key_id = key_ids[hash_] = next_key_id + len(new_keys)
            standing = Standing.BLOCKED if identifier.blocked else Standing.LINKING
            marks = Mark.BLOCKED if hash_ in blocked and not identifier.blocked else 0
            row = KeyRow(key_id, identifier.namespace, identifier.scope, hash_, standing, marks=marks)
            new_keys[key_id] = (row, identifier)
    ids_of = tuple(tuple(map(key_ids.__getitem__, keyed.identifiers)) for keyed in records)
    seen = _pairs(records, ids_of)
    known = hot.pairs(tenant, seen)
    doubtful = [pair for pair in seen if pair[1] < next_key_id and pair not in known]
    moved = [pair for pair, before in known.items() if before.merged(seen[pair][0]) is not before]
    known |= edges.between(tenant, doubtful + moved)  # what is remembered may be behind the store
    changed: dict[Pair, EdgeChange] = {}
    for pair, (found, cause) in seen.items():
        before = known.get(pair)
        after = found if before is None else before.merged(found)
        if after is not before:
            known[pair] = after
            changed[pair] = EdgeChange(before, after, cause)
    return Keyed(key_ids, ids_of, new_keys, known, changed)


def _pairs(
    records: Sequence[KeyedRecord], ids_of: Sequence[tuple[int, ...]]
) -> dict[Pair, tuple[Evidence, RecordKey]]:
    """What a batch says of each pair, and the first record that says it."""
    pairs: dict[Pair, tuple[Evidence, RecordKey]] = {}
    say = lru_cache(sighting)
    for keyed, ids in zip(records, ids_of, strict=True):
        linkable = {
            key_id: found.verified
            for key_id, found in zip(ids, keyed.identifiers.values(), strict=True)
            if not found.blocked
        }
        if len(linkable) < 2:
            continue
        record = keyed.record
        kind, time_us, source = record.link_kind, record.time_us, record.source
        named: Iterable[Pair]
        if kind is LinkKind.UNBIND:
            first, *others = linkable
            named = [(min(first, other), max(first, other)) for other in others]
        else:
            named = combinations(sorted(linkable), 2)
            time_us -= 0 if kind is LinkKind.BIND else time_us % DAY_US
        some_verified = any(linkable.values())
        said, cause = say(kind, time_us, 0, source), (source, record.record_id)
        for pair in named:
            if some_verified:
                said = say(kind, time_us, linkable[pair[0]] | linkable[pair[1]] << 1, source)
            known = pairs.get(pair)
            pairs[pair] = (said, cause) if known is None else (known[0].merged(said), known[1])
    return pairs
