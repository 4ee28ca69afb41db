"""Disjoint groups of keys that refuse to become what no person may be."""

from bisect import bisect_left, bisect_right
from collections.abc import Collection, Iterable, Mapping
from enum import IntEnum
from typing import NamedTuple

from identity.domain.evidence import DAY_US
from identity.domain.policy import PersonLimit, Policy
from identity.domain.verdicts import Verdict, VerdictKind

Place = tuple[str, str]
"""A namespace and scope."""


class LinkKey(NamedTuple):
    """What linking knows of a key. `hash` is the identifier's keyed hash, unique within a tenant. `blocked`: the
    tenant forbids it to link. `last_us`: when it was last seen with another key; needed under person limits only."""

    key_id: int
    namespace: str
    scope: str
    hash: bytes
    blocked: bool = False
    last_us: int = 0


class Reason(IntEnum):
    """Why two keys seen together are not linked; the numbers are stored and are those of
    huaxiang.identity.v1.ConflictReason.

    UNIQUE: a person would have two values of a unique namespace. SHARED: the key was seen with too many people.
    OVERSIZED: the person would have too many keys. CANNOT_LINK: a human keeps them apart. LIMIT: the person would
    have too many values of a namespace within its window. EXPIRED: the key had another holder then. QUARANTINED: too
    many keys hang together there.
    """

    UNIQUE = 1
    SHARED = 2
    OVERSIZED = 3
    CANNOT_LINK = 4
    LIMIT = 5
    EXPIRED = 6
    QUARANTINED = 7


class Groups:
    """Starts with every key alone. A refused union changes nothing."""

    def __init__(self, keys: Mapping[int, LinkKey], policy: Policy, verdicts: Iterable[Verdict] = ()) -> None:
        self._max_keys = policy.max_person_keys
        self._parent = {key_id: key_id for key_id in keys}
        self._members = {key_id: [key_id] for key_id in keys}
        namespaces = policy.namespaces
        self._unique = {
            key_id: {(key.namespace, key.scope)} if namespaces[key.namespace].unique else set()
            for key_id, key in keys.items()
        }
        self._sides: dict[int, set[tuple[int, int]]] = _sides(keys, verdicts)
        self._limits, self._seen = _limited(keys, policy)

    def unite(self, key_ids: Iterable[int]) -> Reason | None:
        """Unites the groups of all given keys, or changes nothing and says why not."""
        roots = sorted({self.root(key_id) for key_id in key_ids})
        if len(roots) < 2:
            return None
        places: set[Place] = set()
        for root in roots:
            if places & self._unique[root]:
                return Reason.UNIQUE
            places |= self._unique[root]
        if self._sides and self.parted(roots):
            return Reason.CANNOT_LINK
        if self._seen and self._exceeds_limit(roots):
            return Reason.LIMIT
        sizes = [len(self._members[root]) for root in roots]
        if sum(sizes) > self._max_keys:
            return Reason.OVERSIZED
        largest = roots[sizes.index(max(sizes))]
        for root in roots:
            if root != largest:
                self._join(root, largest)
        self._unique[largest] = places
        return None

    def parted(self, key_ids: Iterable[int]) -> bool:
        """Whether a human keeps apart any two groups of the given keys."""
        if not self._sides:
            return False
        held: set[tuple[int, int]] = set()
        for root in {self.root(key_id) for key_id in key_ids}:
            sides = self._sides.get(root, set())
            if any((operation_id, 1 - side) in held for operation_id, side in sides):
                return True
            held |= sides
        return False

    def root(self, key_id: int) -> int:
        """Which key stands for the group at the moment: equal for two keys of one group."""
        parent = self._parent
        while parent[key_id] != key_id:
            parent[key_id] = key_id = parent[parent[key_id]]
        return key_id

    def members(self) -> Iterable[Collection[int]]:
        """The keys of each group."""
        return self._members.values()

    def _join(self, root: int, largest: int) -> None:
        self._parent[root] = largest
        self._members[largest] += self._members.pop(root)
        if root in self._sides:
            self._sides.setdefault(largest, set()).update(self._sides.pop(root))
        if root in self._seen:
            seen = self._seen.setdefault(largest, {})
            for place, times in self._seen.pop(root).items():
                seen[place] = sorted(seen.get(place, []) + times)

    def _exceeds_limit(self, roots: Iterable[int]) -> bool:
        held = [self._seen[root] for root in roots if root in self._seen]
        if len(held) < 2:
            return False
        together: dict[Place, list[int]] = {}
        for seen in held:
            for place, times in seen.items():
                together.setdefault(place, []).extend(times)
        return any(
            _exceeds(sorted(times), self._limits[place[0]])
            for place, times in together.items()
            if len(times) > self._limits[place[0]].count
        )


def _exceeds(times: list[int], limit: PersonLimit) -> bool:
    """Whether any window of the limit's length, both ends in it, holds more times than its count."""
    window_us = limit.window_days * DAY_US
    return any(bisect_right(times, end) - bisect_left(times, end - window_us) > limit.count for end in times)


def _limited(
    keys: Mapping[int, LinkKey], policy: Policy
) -> tuple[dict[str, PersonLimit], dict[int, dict[Place, list[int]]]]:
    if not policy.limited:
        return {}, {}
    limits = {
        name: declared.person_limit
        for name, declared in policy.namespaces.items()
        if declared.person_limit is not None
    }
    seen = {
        key_id: {(key.namespace, key.scope): [key.last_us]}
        for key_id, key in keys.items()
        if key.namespace in limits
    }
    return limits, seen


def _sides(keys: Mapping[int, LinkKey], verdicts: Iterable[Verdict]) -> dict[int, set[tuple[int, int]]]:
    sides: dict[int, set[tuple[int, int]]] = {}
    for verdict in verdicts:
        if verdict.kind is VerdictKind.CANNOT:
            for side, key_ids in enumerate(verdict.sides):
                for key_id in key_ids & keys.keys():
                    sides.setdefault(key_id, set()).add((verdict.operation_id, side))
    return sides
