"""From stored evidence to what `link` takes: which pairs count, which keys are shared, what is quarantined.

Whether a pair counts and whether a key is shared depends on the pairs of that key alone (its star), so it can be
judged without knowing the rest. `partition` does it for all evidence at once: the referee of the online state.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from identity.domain.evidence import Evidence, expired
from identity.domain.groups import LinkKey, Reason
from identity.domain.linking import (
    Conflict,
    Linking,
    Neighbours,
    ProbableLink,
    components,
    is_shared,
    link,
)
from identity.domain.policy import Policy
from identity.domain.verdicts import Verdict

Star = Mapping[int, Evidence]
"""The evidence of one key by the key it was seen with."""

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Links:
    """`neighbours` are the pairs that may link; `conflicts` those that count no more."""

    neighbours: Neighbours
    conflicts: frozenset[Conflict]


def is_live(evidence: Evidence, one: LinkKey, other: LinkKey, policy: Policy) -> bool:
    """Whether a pair counts at all: not parted since, and verified where its namespaces demand it."""
    if evidence.last_us <= evidence.unbound_us:
        return False
    demanding = policy.verified_only
    if not demanding:
        return True
    low, high = (one, other) if one.key_id < other.key_id else (other, one)
    return bool(low.namespace not in demanding or evidence.verified & 1) and bool(
        high.namespace not in demanding or evidence.verified & 2
    )


def earlier_holders(key: LinkKey, star: Star, policy: Policy) -> frozenset[int]:
    """Which keys of a live star were seen with an earlier holder of the key."""
    declared = policy.namespaces[key.namespace]
    if declared.unique or not declared.validity_days:
        return _NONE
    return expired(star, declared.validity_days)


def judge_shared(key: LinkKey, star: Star, keys: Mapping[int, LinkKey], policy: Policy) -> bool:
    """Whether the live star of a key makes it a shared one; what was seen with earlier holders does not count."""
    earlier = earlier_holders(key, star, policy)
    return is_shared(key, (keys[other] for other in star if other not in earlier), policy)


def find_links(
    keys: Mapping[int, LinkKey],
    stars: Mapping[int, Star],
    policy: Policy,
    whole: Collection[int] | None = None,
) -> Links:
    """The pairs of live stars that may link. `keys` may hold more keys than there are stars; earlier holders are found
    of the keys in `whole`, those whose star is complete: by default of all."""
    if not policy.timed:
        return Links(stars, frozenset())
    earlier = {
        key_id: earlier_holders(keys[key_id], star, policy) if whole is None or key_id in whole else _NONE
        for key_id, star in stars.items()
    }
    conflicts = frozenset(
        Conflict(key_id, other, Reason.EXPIRED) for key_id, others in earlier.items() for other in others
    )
    if not conflicts:
        return Links(stars, conflicts)
    neighbours = {
        key_id: [
            other
            for other in star
            if other not in earlier[key_id] and key_id not in earlier.get(other, _NONE)
        ]
        for key_id, star in stars.items()
    }
    return Links(neighbours, conflicts)


def with_last_seen(
    keys: Mapping[int, LinkKey], stars: Mapping[int, Star], policy: Policy
) -> Mapping[int, LinkKey]:
    """The keys with `last_us` where the policy limits how many a person holds within a window."""
    limited = policy.limited
    if not limited:
        return keys
    return {
        key_id: key._replace(
            last_us=max((seen.last_us for seen in stars.get(key_id, {}).values()), default=0)
        )
        if key.namespace in limited
        else key
        for key_id, key in keys.items()
    }


def find_quarantined(
    stars: Neighbours, shared: Collection[int], policy: Policy, known: frozenset[int] = _NONE
) -> frozenset[int]:
    """The keys of components with more than `max_component_keys` keys, shared keys not crossed. `known` are keys of
    such components of which not everything is given."""
    beside = {key_id: star for key_id, star in stars.items() if key_id not in shared}
    most = policy.max_component_keys
    if len(beside) <= most and not known:
        return _NONE
    return _NONE.union(
        *(part for part in components(beside) if len(part) > most or not part.isdisjoint(known))
    )


def partition(
    keys: Mapping[int, LinkKey],
    evidence: Mapping[int, Star],
    policy: Policy,
    verdicts: Sequence[Verdict] = (),
    probable: Sequence[ProbableLink] = (),
) -> Linking:
    """The groups of all evidence at once. `evidence` is symmetric."""
    stars = {
        key_id: {
            other: seen
            for other, seen in evidence.get(key_id, {}).items()
            if is_live(seen, keys[key_id], keys[other], policy)
        }
        for key_id in keys
    }
    shared = {key_id for key_id, key in keys.items() if judge_shared(key, stars[key_id], keys, policy)}
    quarantined = find_quarantined(stars, shared, policy)
    links = find_links(keys, stars, policy)
    return link(
        with_last_seen(keys, stars, policy),
        links.neighbours,
        shared,
        policy,
        verdicts,
        probable,
        quarantined,
        links.conflicts,
    )
