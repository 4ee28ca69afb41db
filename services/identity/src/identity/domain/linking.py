"""Who belongs together: a pure function of the evidence, the policy, and what humans decided.

1. What a human put together is united first, in the order of the operations.
2. Edges between keys of unique namespaces are taken strongest first.
3. Every other key, strongest first, joins all groups of stronger keys (unique ones are stronger than all others) it
   was seen with, but for those that a human parted it from. If a person would become what no person may be, it links
   nothing.
4. Pairs that a matching model found are taken last, by falling score.
5. A key that the tenant blocks takes part in all of that and then leaves, and what only it held together parts: so
   blocking a value never links more.

No union gives a person two values of a unique namespace, keys of both sides of a human's cannot-link, more values
than a namespace's limit, or too many keys. A non-unique key seen with more values of one namespace and scope than
the policy's limit is SHARED and links nothing; where too many keys hang together, shared ones not crossed, the keys
are QUARANTINED and only unique namespaces link.

Nothing depends on the order of arrival: ties are broken by the keyed hash of the identifier. The result of a
connected component (evidence, MUST verdicts and probable pairs; shared keys not crossed by evidence) depends on that
component alone, so recomputing the components that changed equals recomputing all.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from identity.domain.groups import Groups, LinkKey, Reason
from identity.domain.policy import Policy
from identity.domain.verdicts import Verdict, VerdictKind

Neighbours = Mapping[int, Collection[int]]
"""Which keys each key may link to: symmetric."""


class Standing(IntEnum):
    """Whether a key links, and why not. The numbers are stored."""

    LINKING = 0
    SHARED = 1
    CONTESTED = 2
    OVERSIZED = 3
    BLOCKED = 4
    QUARANTINED = 5


class Conflict(NamedTuple):
    """Two keys seen together that are not linked: `key_id` is the one to blame."""

    key_id: int
    other_key_id: int
    reason: Reason


class ProbableLink(NamedTuple):
    """A pair that a matching model found; `score` is the match weight scaled to an integer: higher is surer."""

    low: int
    high: int
    score: int


@dataclass(frozen=True)
class Linking:
    """`groups` are disjoint and hold every key given, by smallest key; a key that does not link is alone in its group
    unless a human put it elsewhere. `conflicts` are in order and without repeats."""

    groups: tuple[frozenset[int], ...]
    standing: Mapping[int, Standing]
    conflicts: tuple[Conflict, ...] = ()


def is_shared(key: LinkKey, seen_with: Iterable[LinkKey], policy: Policy) -> bool:
    """Whether a key is shared, from the keys it was seen with directly (no repeats; those that the tenant blocks
    count)."""
    if policy.namespaces[key.namespace].unique:
        return False
    limits = policy.limits_on[key.namespace]
    own = (key.namespace, key.scope)
    counts: dict[tuple[str, str], int] = {}
    for other in seen_with:
        place = (other.namespace, other.scope)
        if other.namespace in limits and place != own:
            counts[place] = counts.get(place, 0) + 1
            if counts[place] > limits[other.namespace]:
                return True
    return False


def link(
    keys: Mapping[int, LinkKey],
    neighbours: Neighbours,
    shared: Collection[int],
    policy: Policy,
    verdicts: Sequence[Verdict] = (),
    probable: Sequence[ProbableLink] = (),
    quarantined: Collection[int] = (),
    expired: Collection[Conflict] = (),
) -> Linking:
    """The groups of whole components. `shared` are the keys that `is_shared` found, `quarantined` those of too large
    components; `verdicts` are in force and in order; `expired` are pairs that count no more, to be told as conflicts.

    Neighbours outside `keys`, but for those of shared keys, are shared keys of other components. Keys of verdicts and
    pairs outside `keys` are left out.
    """
    return _Linker(keys, neighbours, shared, policy, verdicts, quarantined).run(probable, expired)


class _Linker:
    """One run of the function."""

    def __init__(
        self,
        keys: Mapping[int, LinkKey],
        neighbours: Neighbours,
        shared: Collection[int],
        policy: Policy,
        verdicts: Sequence[Verdict],
        quarantined: Collection[int],
    ) -> None:
        namespaces = policy.namespaces
        self._keys = keys
        self._neighbours = neighbours
        self._verdicts = verdicts
        self._quarantined = quarantined
        self._groups = Groups(keys, policy, verdicts)
        self._tied: list[tuple[int, int]] = []
        self._rank = {
            key_id: (not namespaces[key.namespace].unique, namespaces[key.namespace].priority, key.hash)
            for key_id, key in keys.items()
            if key_id not in shared
        }
        self._unique = {key_id for key_id in self._rank if namespaces[keys[key_id].namespace].unique}
        self._standing = {key_id: self._first_standing(key_id) for key_id in keys}
        self._conflicts: set[Conflict] = set()
        self._reasons: dict[int, Reason] = {}

    def _first_standing(self, key_id: int) -> Standing:
        if key_id not in self._rank:
            return Standing.SHARED
        if key_id in self._quarantined and key_id not in self._unique:
            return Standing.QUARANTINED
        return Standing.LINKING

    def run(self, probable: Sequence[ProbableLink], expired: Collection[Conflict]) -> Linking:
        self._obey_humans()
        self._link_unique_keys()
        self._link_other_keys()
        self._link_probable_pairs(probable)
        groups = tuple(sorted(self._without_blocked(), key=min))
        conflicts = self._all_conflicts(groups, expired)
        for key_id, key in self._keys.items():
            if key.blocked and self._standing[key_id] is not Standing.SHARED:
                self._standing[key_id] = Standing.BLOCKED
        return Linking(groups, self._standing, conflicts)

    def _obey_humans(self) -> None:
        keys = self._keys
        for verdict in self._verdicts:
            if verdict.kind is VerdictKind.MUST:
                known = sorted(verdict.key_ids & keys.keys(), key=lambda key_id: keys[key_id].hash)
                for key_id in known[1:]:
                    self._tie(known[0], key_id)

    def _link_unique_keys(self) -> None:
        rank, unique = self._rank, self._unique
        edges = sorted(
            (rank[key_id], rank[other], key_id, other)
            for key_id in unique
            for other in self._neighbours.get(key_id, ())
            if other in unique and rank[key_id] < rank[other]
        )
        for _, _, key_id, other in edges:
            reason = self._groups.unite((key_id, other))
            if reason is not None:
                self._conflicts.add(Conflict(other, key_id, reason))

    def _link_other_keys(self) -> None:
        rank, standing, groups = self._rank, self._standing, self._groups
        for key_id in sorted(rank.keys() - self._unique, key=rank.__getitem__):
            if standing[key_id] is not Standing.LINKING:
                continue
            touched = [
                other
                for other in self._neighbours.get(key_id, ())
                if other in rank and rank[other] < rank[key_id] and standing[other] is Standing.LINKING
            ]
            if self._verdicts:
                parted = {other for other in touched if groups.parted((key_id, other))}
                self._conflicts.update(Conflict(key_id, other, Reason.CANNOT_LINK) for other in parted)
                touched = [other for other in touched if other not in parted]
            reason = groups.unite((key_id, *touched))
            if reason is not None:
                standing[key_id] = Standing.OVERSIZED if reason is Reason.OVERSIZED else Standing.CONTESTED
                self._reasons[key_id] = reason

    def _link_probable_pairs(self, probable: Sequence[ProbableLink]) -> None:
        keys = self._keys
        usable = [
            pair for pair in probable if self._may_be_probable(pair.low) and self._may_be_probable(pair.high)
        ]
        usable.sort(key=lambda pair: (-pair.score, *sorted((keys[pair.low].hash, keys[pair.high].hash))))
        for pair in usable:
            self._tie(pair.low, pair.high)

    def _may_be_probable(self, key_id: int) -> bool:
        return self._standing.get(key_id) is Standing.LINKING and key_id not in self._quarantined

    def _tie(self, one: int, other: int) -> None:
        reason = self._groups.unite((one, other))
        if reason is None:
            self._tied.append((one, other))
        else:
            self._conflicts.add(Conflict(other, one, reason))

    def _without_blocked(self) -> Iterator[frozenset[int]]:
        for members in self._groups.members():
            kept = {key_id for key_id in members if not self._keys[key_id].blocked}
            if len(kept) == len(members):
                yield frozenset(kept)
            else:
                yield from (frozenset((key_id,)) for key_id in members if key_id not in kept)
                yield from self._parts(kept)

    def _parts(self, kept: set[int]) -> Iterator[frozenset[int]]:
        """What hangs together of a group without its blocked keys."""
        linking = {key_id for key_id in kept if self._standing[key_id] is Standing.LINKING}
        beside: dict[int, set[int]] = {key_id: set() for key_id in kept}
        for key_id in linking:
            for other in linking.intersection(self._neighbours.get(key_id, ())):
                if key_id not in self._quarantined or {key_id, other} <= self._unique:
                    beside[key_id].add(other)
        for one, other in self._tied:
            if one in kept and other in kept:
                beside[one].add(other)
                beside[other].add(one)
        yield from components(beside)

    def _all_conflicts(
        self, groups: tuple[frozenset[int], ...], expired: Collection[Conflict]
    ) -> tuple[Conflict, ...]:
        """Those found on the way and those of keys that link nothing at all, between keys that are apart. A pair with
        a shared key is told of that one only: what else hangs at it is not linked again when it changes."""
        found = self._conflicts
        parted = {conflict[:2] for conflict in found}
        found.update(expired)
        for key_id in self._keys:
            for other in self._neighbours.get(key_id, ()):
                if other not in self._keys and key_id in self._rank:
                    found.add(Conflict(other, key_id, Reason.SHARED))
            reason = self._reason(key_id)
            if reason is not None:
                found.update(
                    Conflict(key_id, other, reason)
                    for other in self._neighbours.get(key_id, ())
                    if (key_id, other) not in parted
                    and (other in self._rank or reason is Reason.SHARED)
                    and not (reason is Reason.QUARANTINED and self._is_named_by(other, key_id))
                )
        if not found:
            return ()
        number = {key_id: index for index, group in enumerate(groups) for key_id in group}
        return tuple(
            sorted(
                conflict
                for conflict in found
                if number.get(conflict.key_id, -1) != number.get(conflict.other_key_id, -2)
            )
        )

    def _reason(self, key_id: int) -> Reason | None:
        """Why a key links nothing."""
        if self._standing[key_id] is Standing.SHARED:
            return Reason.SHARED
        if self._standing[key_id] is Standing.QUARANTINED:
            return Reason.QUARANTINED
        return self._reasons.get(key_id)

    def _is_named_by(self, other: int, key_id: int) -> bool:
        """Whether the conflict of two quarantined keys is told of the other one: the weaker."""
        return self._standing.get(other) is Standing.QUARANTINED and self._rank[other] > self._rank[key_id]


def components(beside: Mapping[int, Collection[int]]) -> Iterator[frozenset[int]]:
    """The connected components of a symmetric graph, by first key as given; neighbours outside it are not crossed."""
    left = set(beside)
    for start in beside:
        if start not in left:
            continue
        left.discard(start)
        members, frontier = {start}, [start]
        while frontier:
            found = left.intersection(beside[frontier.pop()])
            left -= found
            members |= found
            frontier += found
        yield frozenset(members)
