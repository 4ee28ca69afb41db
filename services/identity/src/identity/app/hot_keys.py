"""A bounded memory of what is committed: which key a hash has, and what is known of a pair."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from threading import Lock
from typing import Generic, TypeVar

from identity.domain.evidence import Evidence
from identity.store.ports import Pair

K = TypeVar("K")
V = TypeVar("V")

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

    What is remembered of a pair may be behind the store, never ahead of it. Safe to use from any threads; ask once for
    each fact: what was remembered a moment ago may be forgotten by now.
    """

    def __init__(self, max_keys: int = MAX_KEYS, max_pairs: int = MAX_PAIRS) -> None:
        self._keys: _Remembered[bytes, int] = _Remembered(max_keys)
        self._pairs: _Remembered[Pair, Evidence] = _Remembered(max_pairs)
        self._erasures: dict[str, int] = {}
        self._changing = Lock()

    def follow(self, tenant: str, erasures: int) -> None:
        """Forgets the tenant when somebody was erased since, here or by another process: erased keys are no more."""
        if self._erasures.get(tenant, 0) == erasures:
            return
        with self._changing:
            self._erasures[tenant] = erasures
            self._keys.forget(tenant)
            self._pairs.forget(tenant)

    def keys(self, tenant: str, hashes: Iterable[bytes]) -> dict[bytes, int]:
        """The key ids of those hashes that are remembered."""
        return self._keys.known(tenant, hashes)

    def pairs(self, tenant: str, pairs: Iterable[Pair]) -> dict[Pair, Evidence]:
        """What is known of those of the pairs that are remembered."""
        return self._pairs.known(tenant, pairs)

    def learn(self, learned: Learned) -> None:
        """Remembers committed facts."""
        tenant = learned.tenant
        with self._changing:
            if learned.erasures != self._erasures.get(tenant, 0):
                return
            self._keys.learn(tenant, learned.keys)
            self._pairs.learn(tenant, learned.pairs)


class _Remembered(Generic[K, V]):
    """Facts by tenant, `limit` of all tenants at most: the oldest of the tenant that learned longest ago go first."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._size = 0
        self._of_tenant: dict[str, dict[K, V]] = {}

    def known(self, tenant: str, asked: Iterable[K]) -> dict[K, V]:
        known = self._of_tenant.get(tenant)
        if not known:
            return {}
        get = known.get
        return {key: value for key in asked if (value := get(key)) is not None}

    def forget(self, tenant: str) -> None:
        self._size -= len(self._of_tenant.pop(tenant, ()))

    def learn(self, tenant: str, facts: Mapping[K, V]) -> None:
        known = self._of_tenant.pop(tenant, {})
        self._size -= len(known)
        known.update(facts)
        self._size += len(known)
        self._of_tenant[tenant] = known
        while self._size > self._limit:
            first = next(iter(self._of_tenant))
            oldest = self._of_tenant[first]
            gone = list(islice(oldest, self._size - self._limit))
            for key in gone:
                del oldest[key]
            self._size -= len(gone)
            if not oldest:
                del self._of_tenant[first]
