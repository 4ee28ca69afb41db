"""Who belongs together: a pure function of the evidence (which keys were seen in one record) and the policy.

1. Blocked keys take no part; they have no edges.
2. A non-unique key seen with more values of one namespace and scope than the policy's limit is SHARED: it
   links nothing.
3. Edges between keys of unique namespaces are taken strongest first; one that would give a person two values
   of a unique namespace is skipped.
4. Every other key, strongest first, joins all groups of stronger keys it was seen with; if that would give a
   person two values of a unique namespace it is CONTESTED, if it would make too large a person OVERSIZED, and
   links nothing.

Nothing depends on the order of arrival: ties are broken by the keyed hash of the identifier. The result of a
connected component (shared keys not crossed) depends on that component alone, so recomputing the components
that changed equals recomputing all.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from identity.domain.policy import Policy


class Standing(IntEnum):
    """Whether a key links, and why not. The numbers are stored."""

    LINKING = 0
    SHARED = 1
    CONTESTED = 2
    OVERSIZED = 3
    BLOCKED = 4


class LinkKey(NamedTuple):
    """What linking knows of a key. `hash` is the identifier's keyed hash, unique within a tenant."""

    key_id: int
    namespace: str
    scope: str
    hash: bytes


@dataclass(frozen=True)
class Linking:
    """`groups` are disjoint and hold every key given; a key that does not link is alone in its group."""

    groups: tuple[frozenset[int], ...]
    standing: Mapping[int, Standing]


def is_shared(key: LinkKey, seen_with: Iterable[LinkKey], policy: Policy) -> bool:
    """Whether a key is shared, from the keys it was seen with directly (blocked ones left out, no
    repeats).
    """
    declared = policy.namespaces[key.namespace]
    if declared.unique:
        return False
    counts: dict[tuple[str, str], int] = {}
    for other in seen_with:
        limit = policy.namespaces[other.namespace].limit_for(declared)
        if limit is None or (other.namespace, other.scope) == (key.namespace, key.scope):
            continue
        place = (other.namespace, other.scope)
        counts[place] = counts.get(place, 0) + 1
        if counts[place] > limit:
            return True
    return False


def link(
    keys: Mapping[int, LinkKey],
    neighbours: Mapping[int, Collection[int]],
    shared: Collection[int],
    policy: Policy,
) -> Linking:
    """The groups of whole components. `neighbours` is symmetric; `shared` are the keys that `is_shared`
    found.

    Neighbours outside `keys` are ignored: they are shared keys of other components.
    """
    groups = _Groups(keys, policy)
    standing = {key_id: Standing.SHARED if key_id in shared else Standing.LINKING for key_id in keys}
    rank = {
        key_id: (policy.namespaces[key.namespace].priority, key.hash)
        for key_id, key in keys.items()
        if standing[key_id] is Standing.LINKING
    }
    unique = {key_id for key_id in rank if policy.namespaces[keys[key_id].namespace].unique}
    edges = sorted(
        (rank[key_id], rank[other], key_id, other)
        for key_id in unique
        for other in neighbours.get(key_id, ())
        if other in unique and rank[key_id] < rank[other]
    )
    for _, _, key_id, other in edges:
        groups.unite([key_id, other])
    for key_id in sorted(rank.keys() - unique, key=rank.__getitem__):
        touched = [
            other
            for other in neighbours.get(key_id, ())
            if other in rank and rank[other] < rank[key_id] and standing[other] is Standing.LINKING
        ]
        standing[key_id] = groups.unite([key_id, *touched])
    return Linking(groups.all(), standing)


def partition(
    keys: Mapping[int, LinkKey], neighbours: Mapping[int, Collection[int]], policy: Policy
) -> Linking:
    """The groups of all evidence at once: the referee of the online state."""
    shared = {
        key_id
        for key_id, key in keys.items()
        if is_shared(key, (keys[other] for other in neighbours.get(key_id, ())), policy)
    }
    return link(keys, neighbours, shared, policy)


class _Groups:
    """Disjoint groups that refuse to hold two values of a unique namespace or too many keys."""

    def __init__(self, keys: Mapping[int, LinkKey], policy: Policy) -> None:
        self._max_keys = policy.max_person_keys
        self._parent = {key_id: key_id for key_id in keys}
        self._members = {key_id: [key_id] for key_id in keys}
        self._unique_places = {
            key_id: {(key.namespace, key.scope)} if policy.namespaces[key.namespace].unique else set()
            for key_id, key in keys.items()
        }

    def unite(self, key_ids: Collection[int]) -> Standing:
        """Unites the groups of all given keys, or changes nothing and says why not."""
        roots = sorted({self._root(key_id) for key_id in key_ids})
        places: set[tuple[str, str]] = set()
        for root in roots:
            if places & self._unique_places[root]:
                return Standing.CONTESTED
            places |= self._unique_places[root]
        if len(roots) > 1 and sum(len(self._members[root]) for root in roots) > self._max_keys:
            return Standing.OVERSIZED
        largest = max(roots, key=lambda root: len(self._members[root]))
        for root in roots:
            if root != largest:
                self._parent[root] = largest
                self._members[largest] += self._members.pop(root)
        self._unique_places[largest] = places
        return Standing.LINKING

    def all(self) -> tuple[frozenset[int], ...]:
        """Every group, by its smallest key."""
        return tuple(sorted((frozenset(members) for members in self._members.values()), key=min))

    def _root(self, key_id: int) -> int:
        while self._parent[key_id] != key_id:
            self._parent[key_id] = self._parent[self._parent[key_id]]
            key_id = self._parent[key_id]
        return key_id
