"""Groups rows by scored pairs: average linkage under constraints.

The two groups whose pairs weigh most on average are united first, a pair that was never scored counting as `absent`;
it goes on until no two groups reach `mean`. One strong pair between two groups is not enough when their other pairs
speak against it: that is what keeps chains of lookalikes apart without knowing how large a person may be. A union is
not made when the group would be larger than `max_rows`, or would claim two values of one thing that a person has once.
"""

import heapq
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class ScoredPair(NamedTuple):
    """Two rows and the log2 of how much more likely they are one person than two (Splink's match weight)."""

    left: int
    right: int
    weight: float


@dataclass(frozen=True, slots=True)
class ClusterSettings:
    """Weights in log2. `auto`: the best pair between two groups must reach it; `mean`: so must the average; `absent`:
    the weight of a pair that was not scored."""

    auto: float
    mean: float
    absent: float
    max_rows: int


@dataclass(frozen=True, slots=True)
class Clusters:
    """`group_of` every row, numbered by its smallest row; `links` are the best pairs that hold groups together: one
    less than the seeds they join, strongest first; `refused` counts unions that a constraint or the size forbade."""

    group_of: Mapping[int, int]
    links: tuple[ScoredPair, ...]
    refused: int


Claims = Mapping[int, Mapping[Hashable, Hashable]]
"""What a row claims of its person: a place (a unique namespace and scope, a human verdict) and the value there."""


def cluster(
    rows: Iterable[int],
    pairs: Iterable[ScoredPair],
    settings: ClusterSettings,
    seeds: Collection[Collection[int]] = (),
    claims: Claims | None = None,
) -> Clusters:
    """Groups the rows; `seeds` belong together already. Pairs name known rows, each pair once.

    Deterministic: ties go by row number. Time O(p log p) in the pairs, memory O(p).
    """
    state = _Linkage(rows, settings, claims or {})
    for seed in seeds:
        state.unite_seed(seed)
    state.read(pairs)
    state.run()
    return state.clusters()


class _Linkage:
    """The groups while they grow. `sums` are, per pair of groups, the sum of (weight - absent) over scored pairs."""

    def __init__(self, rows: Iterable[int], settings: ClusterSettings, claims: Claims) -> None:
        self._settings = settings
        self._parent = {row: row for row in rows}
        self._size = dict.fromkeys(self._parent, 1)
        self._claims = {row: dict(claims[row]) for row in self._parent if claims.get(row)}
        self._sums: dict[int, dict[int, float]] = defaultdict(dict)
        self._best: dict[tuple[int, int], ScoredPair] = {}
        self._links: list[ScoredPair] = []
        self._refused = 0

    def unite_seed(self, seed: Collection[int]) -> None:
        first, *others = sorted(seed)
        for other in others:
            one, two = self._root(first), self._root(other)
            if one != two:
                self._join(one, two)

    def read(self, pairs: Iterable[ScoredPair]) -> None:
        for pair in pairs:
            one, two = self._root(pair.left), self._root(pair.right)
            if one == two:
                continue
            gain = pair.weight - self._settings.absent
            self._sums[one][two] = self._sums[two][one] = self._sums[one].get(two, 0.0) + gain
            self._keep_best(one, two, pair)

    def run(self) -> None:
        heap = [
            (-self._mean(one, two), one, two)
            for one, two in self._best
            if self._mean(one, two) >= self._settings.mean
        ]
        heapq.heapify(heap)
        while heap:
            negative, one, two = heapq.heappop(heap)
            if self._root(one) != one or self._root(two) != two or self._mean(one, two) != -negative:
                continue
            best = self._best[one, two]
            if best.weight < self._settings.auto:
                continue
            if not self._may_unite(one, two):
                self._refused += 1
                continue
            self._links.append(best)
            for mean, low, high in self._absorb(one, two):
                heapq.heappush(heap, (-mean, low, high))

    def clusters(self) -> Clusters:
        smallest: dict[int, int] = {}
        for row in sorted(self._parent):
            smallest.setdefault(self._root(row), row)
        links = sorted(self._links, key=lambda pair: (-pair.weight, pair.left, pair.right))
        return Clusters({row: smallest[self._root(row)] for row in self._parent}, tuple(links), self._refused)

    def _mean(self, one: int, two: int) -> float:
        return self._settings.absent + self._sums[one][two] / (self._size[one] * self._size[two])

    def _may_unite(self, one: int, two: int) -> bool:
        if self._size[one] + self._size[two] > self._settings.max_rows:
            return False
        mine, yours = self._claims.get(one, {}), self._claims.get(two, {})
        return all(mine.get(place, value) == value for place, value in yours.items())

    def _absorb(self, one: int, two: int) -> Sequence[tuple[float, int, int]]:
        """Unites two groups; the means of the new group that may lead to a union."""
        if len(self._sums[one]) < len(self._sums[two]):
            one, two = two, one
        theirs = self._sums.pop(two)
        del theirs[one], self._sums[one][two], self._best[_ordered(one, two)]
        self._join(one, two)
        for other, total in theirs.items():
            del self._sums[other][two]
            self._sums[one][other] = self._sums[other][one] = self._sums[one].get(other, 0.0) + total
            self._keep_best(one, other, self._best.pop(_ordered(two, other)))
        found = ((self._mean(one, other), *_ordered(one, other)) for other in self._sums[one])
        return [item for item in found if item[0] >= self._settings.mean]

    def _join(self, one: int, two: int) -> None:
        self._parent[two] = one
        self._size[one] += self._size.pop(two)
        claims = self._claims.pop(two, None)
        if claims:
            self._claims[one] = {**claims, **self._claims.get(one, {})}

    def _keep_best(self, one: int, two: int, pair: ScoredPair) -> None:
        place = _ordered(one, two)
        known = self._best.get(place)
        if known is None or (pair.weight, known.left, known.right) > (known.weight, pair.left, pair.right):
            self._best[place] = pair

    def _root(self, row: int) -> int:
        while self._parent[row] != row:
            self._parent[row] = self._parent[self._parent[row]]
            row = self._parent[row]
        return row


def _ordered(one: int, two: int) -> tuple[int, int]:
    return (one, two) if one < two else (two, one)
