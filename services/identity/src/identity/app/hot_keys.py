"""A bounded memory of what is committed: which key a hash has, and what is known of a pair."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from identity.domain.evidence import Evidence
from identity.store.ports import Pair

MAX_KEYS = 200_000
MAX_PAIRS = 400_000
"""Per process, of all tenants; the oldest are forgotten first. About 170 MB when full."""


@dataclass(frozen=True)
class Learned:
    """Facts of one transaction, to be remembered after its commit and never before; `erasures` as `follow` was told."""

    tenant: str
    keys: Mapping[bytes, int]
    pairs: Mapping[Pair, Evidence]
    erasures: int = 0


class HotKeys:
    """Answers without the store when it can; forgetting costs a read and changes nothing.

    What is remembered of a pair may be behind the store, never ahead of it. One thread learns; any may ask meanwhile,
    once for each fact: what was remembered a moment ago may be forgotten by now.
    """

    def __init__(self, max_keys: int = MAX_KEYS, max_pairs: int = MAX_PAIRS) -> None:
        self._max_keys = max_keys
        self._max_pairs = max_pairs
        self._keys: dict[tuple[str, bytes], int] = {}
        self._pairs: dict[tuple[str, int, int], Evidence] = {}
        self._erasures: dict[str, int] = {}

    def follow(self, tenant: str, erasures: int) -> None:
        """Forgets the tenant when somebody was erased since, here or by another process: erased keys are no more."""
        if self._erasures.get(tenant, 0) == erasures:
            return
        self._erasures[tenant] = erasures
        self._keys = {key: value for key, value in self._keys.items() if key[0] != tenant}
        self._pairs = {pair: seen for pair, seen in self._pairs.items() if pair[0] != tenant}

    def keys(self, tenant: str, hashes: Iterable[bytes]) -> dict[bytes, int]:
        """The key ids of those hashes that are remembered."""
        asked = ((hash_, self._keys.get((tenant, hash_))) for hash_ in hashes)
        return {hash_: key_id for hash_, key_id in asked if key_id is not None}

    def pairs(self, tenant: str, pairs: Iterable[Pair]) -> dict[Pair, Evidence]:
        """What is known of those of the pairs that are remembered."""
        asked = ((pair, self._pairs.get((tenant, *pair))) for pair in pairs)
        return {pair: seen for pair, seen in asked if seen is not None}

    def learn(self, learned: Learned) -> None:
        """Remembers committed facts."""
        tenant = learned.tenant
        if learned.erasures != self._erasures.get(tenant, 0):
            return
        self._keys.update(((tenant, hash_), key_id) for hash_, key_id in learned.keys.items())
        self._pairs.update(((tenant, *pair), seen) for pair, seen in learned.pairs.items())
        _forget(self._keys, self._max_keys)
        _forget(self._pairs, self._max_pairs)


def _forget(remembered: dict[Any, Any], limit: int) -> None:
    for key in list(islice(remembered, max(0, len(remembered) - limit))):
        del remembered[key]
