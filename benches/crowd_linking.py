"""Ways to link the crowd's events: ours over columns, and what others do. Each answers the group of every event."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import combinations
from typing import NamedTuple

import numpy as np
from identity.domain.evidence import LinkKind, sighting
from identity.domain.full_columns import KeyColumns, PairColumns
from identity.domain.full_linking import FullLinking, link_all
from identity.domain.normalise import Normaliser, Unusable
from identity.domain.record import Identifier
from identity.standards.load import Standards

from benches.crowd import CrowdEvent

TENANT = "bench"
Groups = Mapping[int, Hashable]
"""The group of each event, by the event's number: what a method takes for one person."""
LIMIT_OF_USER_ID, LIMIT_OF_OTHERS = 1, 5
MAX_MERGES, MAX_MAPPINGS = 100, 1_000
_SEGMENT_FIRST = ("member_id", "email")
"""The peer's default order: user_id, email, the rest alphabetically."""


class Named(NamedTuple):
    """An event with its identifiers in normal form; blocked ones are placeholders."""

    number: int
    event: CrowdEvent
    identifiers: tuple[Identifier, ...]


def normalise(events: Sequence[CrowdEvent], standards: Standards) -> list[Named]:
    """Events as the front door reads them."""
    normaliser = Normaliser(standards.policy, standards.blocked)
    named: list[Named] = []
    for number, event in enumerate(events):
        taken: dict[tuple[str, str, str], Identifier] = {}
        for namespace, value, scope in event.identifiers:
            normal = normaliser.value(namespace, value)
            if not isinstance(normal, Unusable):
                place = standards.policy.scope_of(namespace, scope, event.source)
                identifier = Identifier(namespace, place, normal.text, normal.blocked)
                taken[identifier[:3]] = identifier
        named.append(Named(number, event, tuple(taken.values())))
    return named


class CrowdColumns(NamedTuple):
    """The crowd's evidence as the service's columns; `numbers` has the position of every linkable identifier."""

    keys: KeyColumns
    pairs: PairColumns
    numbers: Mapping[Identifier, int]


def columns(events: Iterable[Named], hash_of: Callable[[Identifier], bytes]) -> CrowdColumns:
    """Key ids are handed out in order of arrival, as the service does."""
    numbers: dict[Identifier, int] = {}
    seen: dict[tuple[int, int], list[int]] = {}
    for each in events:
        found = sorted(
            {
                numbers.setdefault(identifier, len(numbers))
                for identifier in each.identifiers
                if not identifier.blocked
            }
        )
        day_us = sighting(LinkKind.CO_OCCURRENCE, each.event.time_us, 0, "").first_us
        for pair in combinations(found, 2):
            span = seen.setdefault(pair, [day_us, day_us])
            span[0], span[1] = min(span[0], day_us), max(span[1], day_us)
    places = sorted({identifier[:2] for identifier in numbers})
    place_of = {place: position for position, place in enumerate(places)}
    keys = KeyColumns(
        np.arange(1, len(numbers) + 1),
        np.array([place_of[identifier[:2]] for identifier in numbers], dtype=np.int32),
        places,
        np.array([np.void(hash_of(identifier)) for identifier in numbers], dtype="V16"),
        np.zeros(len(numbers), dtype=bool),
    )
    ends = np.array(list(seen), dtype=np.int32).reshape(-1, 2)
    spans = np.array(list(seen.values()), dtype=np.int64).reshape(-1, 2)
    pairs = PairColumns(
        ends[:, 0],
        ends[:, 1],
        spans[:, 0],
        spans[:, 1],
        np.full(len(ends), -1, dtype=np.int64),
        np.zeros(len(ends), dtype=bool),
    )
    return CrowdColumns(keys, pairs, numbers)


def ours(events: Sequence[Named], standards: Standards, hash_of: Callable[[Identifier], bytes]) -> Groups:
    """All evidence at once; an event belongs to the person of its anchor."""
    made = columns(events, hash_of)
    linked: FullLinking = link_all(made.keys, made.pairs, standards.policy)
    group = linked.group.tolist()
    namespaces = standards.policy.namespaces
    groups: dict[int, Hashable] = {}
    for each in events:
        linkable = [identifier for identifier in each.identifiers if not identifier.blocked]
        if linkable:
            anchor = min(linkable, key=lambda found: (namespaces[found.namespace].priority, hash_of(found)))
            groups[each.number] = group[made.numbers[anchor]]
        else:
            groups[each.number] = ("alone", each.number)
    return groups


def connected(events: Sequence[Named]) -> Groups:
    """Plain connected components: whatever was named together is one person, placeholders too."""
    parent: dict[Identifier, Identifier] = {}

    def root(identifier: Identifier) -> Identifier:
        while (above := parent.setdefault(identifier, identifier)) != identifier:
            parent[identifier] = identifier = parent[above]
        return identifier

    for each in events:
        for other in each.identifiers[1:]:
            parent[root(other)] = root(each.identifiers[0])
    return {
        each.number: root(each.identifiers[0]) if each.identifiers else ("alone", each.number)
        for each in events
    }


class SegmentRules:
    """Arrival-order limits with priority, as Segment's documentation tells them (our reading): an event's profiles are
    merged while no identifier type exceeds its limit (user_id 1, all others 5); otherwise the event's identifier of
    lowest priority is dropped and the rest tried again. Placeholders are blocked: by our list, which is longer."""

    def __init__(self) -> None:
        self._profile_of: dict[Identifier, int] = {}
        self._values: dict[int, set[Identifier]] = {}
        self._merges: Counter[int] = Counter()
        self._merged_into: dict[int, int] = {}
        self._next = 0

    def groups(self, events: Sequence[Named]) -> Groups:
        """Takes the events in their order."""
        profile_of_event = {each.number: self._take(each) for each in events}
        return {number: self._current(profile) for number, profile in profile_of_event.items()}

    def _take(self, each: Named) -> int:
        usable = sorted(
            (identifier for identifier in each.identifiers if not identifier.blocked), key=_segment_priority
        )
        while usable:
            profiles = sorted(
                {self._profile_of[identifier] for identifier in usable if identifier in self._profile_of}
            )
            if self._allows(profiles, usable):
                return self._settle(profiles, usable)
            usable.pop()
        return self._settle([], [])

    def _allows(self, profiles: Sequence[int], usable: Sequence[Identifier]) -> bool:
        if len(profiles) > 1 and sum(self._merges[p] for p in profiles) + len(profiles) - 1 > MAX_MERGES:
            return False
        held = set(usable).union(*(self._values[profile] for profile in profiles))
        counts = Counter((identifier.namespace, identifier.scope) for identifier in held)
        return len(held) <= MAX_MAPPINGS and all(
            count <= (LIMIT_OF_USER_ID if place[0] == "member_id" else LIMIT_OF_OTHERS)
            for place, count in counts.items()
        )

    def _settle(self, profiles: Sequence[int], usable: Sequence[Identifier]) -> int:
        if not profiles:
            self._next += 1
            profiles = [self._next]
            self._values[self._next] = set()
        kept, *others = profiles
        for other in others:
            for identifier in self._values[other]:
                self._profile_of[identifier] = kept
            self._values[kept] |= self._values.pop(other)
            self._merges[kept] += 1 + self._merges[other]
            self._merged_into[other] = kept
        self._values[kept].update(usable)
        self._profile_of.update(dict.fromkeys(usable, kept))
        return kept

    def _current(self, profile: int) -> int:
        while profile in self._merged_into:
            profile = self._merged_into[profile]
        return profile


def _segment_priority(identifier: Identifier) -> tuple[int, str, str]:
    first = _SEGMENT_FIRST
    rank = first.index(identifier.namespace) if identifier.namespace in first else len(first)
    return rank, identifier.namespace, identifier.value


def partition_of(groups: Groups) -> frozenset[frozenset[int]]:
    """The groups without their names."""
    members: dict[Hashable, set[int]] = defaultdict(set)
    for number, group in groups.items():
        members[group].add(number)
    return frozenset(map(frozenset, members.values()))
