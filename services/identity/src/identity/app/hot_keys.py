"""A bounded memory of what never changes once committed: which key a hash has, and which pairs were seen."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MAX_KEYS = 200_000
MAX_PAIRS = 400_000
"""Per process, of all tenants; the oldest are forgotten first. About 130 MB when full."""


@dataclass(frozen=True)
class Learned:
    """Facts of one transaction, to be remembered after its commit and never before."""

    tenant: str
    keys: Mapping[bytes, int]
    pairs: frozenset[tuple[int, int]]


class HotKeys:
    """Answers without the store when it can; forgetting costs a read and changes nothing.

    One thread learns; any may ask meanwhile, once for each fact: what was remembered a moment ago may be
    forgotten by now.
    """

    def __init__(self, max_keys: int = MAX_KEYS, max_pairs: int = MAX_PAIRS) -> None:
        self._max_keys = max_keys
        self._max_pairs = max_pairs
        self._keys: dict[tuple[str, bytes], int] = {}
        self._pairs: dict[tuple[str, int, int], None] = {}

    def keys(self, tenant: str, hashes: Iterable[bytes]) -> dict[bytes, int]:
        """The key ids of those hashes that are remembered."""
        asked = ((hash_, self._keys.get((tenant, hash_))) for hash_ in hashes)
        return {hash_: key_id for hash_, key_id in asked if key_id is not None}

    def pairs(self, tenant: str, pairs: Iterable[tuple[int, int]]) -> set[tuple[int, int]]:
        """Those of the pairs (low, high) that are remembered."""
        return {pair for pair in pairs if (tenant, *pair) in self._pairs}

    def learn(self, learned: Learned) -> None:
        """Remembers committed facts."""
        tenant = learned.tenant
        self._keys.update(((tenant, hash_), key_id) for hash_, key_id in learned.keys.items())
        self._pairs.update(((tenant, *pair), None) for pair in learned.pairs)
        _forget(self._keys, self._max_keys)
        _forget(self._pairs, self._max_pairs)


def _forget(remembered: dict[Any, Any], limit: int) -> None:
    for key in list(islice(remembered, max(0, len(remembered) - limit))):
        del remembered[key]
