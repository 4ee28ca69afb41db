"""From a batch's identifiers to keys and to evidence of pairs of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

from identity.app.hot_keys import HotKeys
from identity.app.keyed_records import KeyedRecord
from identity.domain.evidence import DAY_US, Evidence, LinkKind, sighting
from identity.domain.linking import Standing
from identity.domain.record import Identifier
from identity.store.linking_rows import Mark
from identity.store.ports import Edges, Keys, Pair, RecordKey
from identity.store.rows import KeyRow


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
