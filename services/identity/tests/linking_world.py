"""Random worlds of evidence: records of every kind, human verdicts and matches, under a policy that uses every rule."""

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from hypothesis import strategies as st
from identity.domain.evidence import DAY_US, Evidence, LinkKind, sighting
from identity.domain.groups import LinkKey
from identity.domain.linking import Linking, ProbableLink
from identity.domain.partition import partition
from identity.domain.policy import Policy, parse_policy
from identity.domain.record import StatedAddress, StatedConsent
from identity.domain.verdicts import Verdict, VerdictKind

Name = tuple[str, int]
DOCUMENT: dict[str, Any] = {
    "version": 1,
    "max_person_keys": 6,
    "max_component_keys": 9,
    "namespaces": [
        {"name": "member_id", "grade": "strong", "unique": True, "scope": "tenant", "form": "text"},
        {"name": "crm_id", "grade": "strong", "unique": True, "scope": "tenant", "form": "text"},
        {"name": "phone", "grade": "strong", "scope": "tenant", "form": "phone", "validity_days": 30},
        {"name": "email", "grade": "strong", "scope": "tenant", "form": "email", "verified_only": True},
        {
            "name": "device_id",
            "grade": "weak",
            "scope": "tenant",
            "form": "text",
            "person_limit": {"count": 2, "window_days": 10},
        },
    ],
}
for _namespace in DOCUMENT["namespaces"][:2]:
    _namespace["limits"] = {"strong": 2, "weak": 2}
POLICY = parse_policy(DOCUMENT)
NAMESPACES = tuple(POLICY.namespaces)
KEYS = st.tuples(st.sampled_from(NAMESPACES), st.integers(0, 3))


@dataclass(frozen=True)
class Said:
    """One record."""

    names: tuple[Name, ...]
    kind: LinkKind
    day: int
    verified: bool
    consents: tuple[StatedConsent, ...] = ()
    addresses: tuple[StatedAddress, ...] = ()


RECORDS = st.lists(
    st.builds(
        Said,
        st.lists(KEYS, min_size=1, max_size=4, unique=True).map(tuple),
        st.sampled_from([LinkKind.CO_OCCURRENCE] * 4 + [LinkKind.LOGIN, LinkKind.BIND, LinkKind.UNBIND]),
        st.integers(0, 90),
        st.booleans(),
    ),
    max_size=25,
)
SIDES = st.tuples(
    st.frozensets(KEYS, min_size=1, max_size=2), st.frozensets(KEYS, min_size=1, max_size=2)
).filter(lambda sides: not sides[0] & sides[1])
VERDICTS = st.lists(st.tuples(st.sampled_from(list(VerdictKind)), SIDES), max_size=4)
MATCHES = st.lists(st.tuples(KEYS, KEYS, st.integers(0, 3)).filter(lambda m: m[0] != m[1]), max_size=4)


@dataclass(frozen=True)
class World:
    """Everything that linking takes, with names."""

    ids: dict[Name, int]
    keys: dict[int, LinkKey]
    evidence: dict[int, dict[int, Evidence]]
    verdicts: tuple[Verdict, ...]
    probable: tuple[ProbableLink, ...]

    def link(self, policy: Policy = POLICY, blocked: frozenset[Name] = frozenset()) -> Linking:
        keys = {
            key_id: key._replace(blocked=any(self.ids.get(name) == key_id for name in blocked))
            for key_id, key in self.keys.items()
        }
        return partition(keys, self.evidence, policy, self.verdicts, self.probable)

    def named(self, linking: Linking) -> set[frozenset[Name]]:
        name_of = {key_id: name for name, key_id in self.ids.items()}
        return {frozenset(name_of[key_id] for key_id in group) for group in linking.groups}


def world(records: Sequence[Said], verdicts: Any, matches: Any, order: random.Random) -> World:
    """The world after the records in a random order: ids, times of merging and all else differ, the evidence not."""
    ids: dict[Name, int] = {}
    evidence: dict[int, dict[int, Evidence]] = defaultdict(dict)
    for said in order.sample(records, len(records)):
        for name in order.sample(said.names, len(said.names)):
            ids.setdefault(name, len(ids) + 1)
        pairs = combinations(said.names, 2)
        if said.kind is LinkKind.UNBIND:
            pairs = ((said.names[0], other) for other in said.names[1:])
        for one, other in pairs:
            seen = sighting(said.kind, said.day * DAY_US + 5, 3 * said.verified, "shop")
            low, high = ids[one], ids[other]
            known = evidence[low].get(high)
            evidence[low][high] = evidence[high][low] = seen if known is None else known.merged(seen)
    keys = {
        key_id: LinkKey(key_id, name[0], "", random.Random(repr(name)).randbytes(16))
        for name, key_id in ids.items()
    }

    def known_ids(names: frozenset[Name]) -> frozenset[int]:
        return frozenset(ids[name] for name in names if name in ids)

    return World(
        ids,
        keys,
        evidence,
        tuple(Verdict(n, kind, (known_ids(a), known_ids(b))) for n, (kind, (a, b)) in enumerate(verdicts, 1)),
        tuple(ProbableLink(ids[a], ids[b], score) for a, b, score in matches if a in ids and b in ids),
    )
