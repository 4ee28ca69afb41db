"""A bounded memory of what never changes once committed: which key a hash has, and which pairs were seen."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

MAX_KEYS = 200_000
MAX_PAIRS = 400_000
"""Per process; the oldest are forgotten first. About 100 MB when full."""


@dataclass(frozen=True)
class Learned:
    """Facts of one transaction, to be remembered after its commit and never before."""

    tenant: str
    keys: Mapping[bytes, int]
    pairs: frozenset[tuple[int, int]]


class HotKeys:
    """Answers without the store when it can; forgetting costs a read and changes nothing."""

    def __init__(self, max_keys: int = MAX_KEYS, max_pairs: int = MAX_PAIRS) -> None:
        self._max_keys = max_keys
        self._max_pairs = max_pairs
        self._keys: dict[str, dict[bytes, int]] = defaultdict(dict)
        self._pairs: dict[str, dict[tuple[int, int], None]] = defaultdict(dict)

    def keys(self, tenant: str) -> Mapping[bytes, int]:
        """The key ids that are remembered, by hash."""
        return self._keys[tenant]

    def pairs(self, tenant: str) -> Mapping[tuple[int, int], None]:
        """The pairs (low, high) that are remembered."""
        return self._pairs[tenant]

    def learn(self, learned: Learned) -> None:
        """Remembers committed facts."""
        keys, pairs = self._keys[learned.tenant], self._pairs[learned.tenant]
        keys.update(learned.keys)
        pairs.update(dict.fromkeys(learned.pairs))
        _forget(keys, self._max_keys)
        _forget(pairs, self._max_pairs)


def _forget(remembered: dict[Any, Any], limit: int) -> None:
    for key in list(islice(remembered, max(0, len(remembered) - limit))):
        remembered.pop(key, None)
