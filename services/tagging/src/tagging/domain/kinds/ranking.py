"""From a person's groups to the values that matter most: shares, index against the population, order, how many.

    share  = the group's number / the sum of the person's positive numbers, half to even at four decimals
    TGI    = 100 * share / the population's share of the same value (frozen at eight decimals), half to even at four

Groups whose number is not above 0 do not count. Order: by what ranks, falling; ties by the value's code points.
"""

from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
from rules.values import SCALE, decimal_text
from tagging.domain.columns import Bools, Ints, Shape, Vector
from tagging.domain.cuts import Baseline
from tagging.domain.definition_limits import MAX_BASELINE_KEYS
from tagging.domain.groups import PERCENT, Groups, added, exact, half_even, ordered
from tagging.domain.weighted import CERTAIN, WeightedTexts

from .naming import NamedKeys, named

BASELINE_SCALE = 10**8
NO_INDEX = -1
SHARED = 50_000
"""Different values of a column that are held once, at most: the most frequent come early."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """Groups by name, with what was computed of each: `shares` scaled by 10^4, `indices` (TGI) too, NO_INDEX where the
    population has none."""

    groups: Groups
    shares: Ints
    indices: Ints

    def take(self, chosen: Bools) -> "Ranked":
        return Ranked(self.groups.take(chosen), self.shares[chosen], self.indices[chosen])


def ranked(groups: Groups, names: tuple[NamedKeys, ...], baseline: Baseline | None) -> Ranked:
    """Every positive group under its name. Shares are of all that the person's groups hold, named or not."""
    positive = groups.take(groups.numbers > 0)
    by_name = named(positive, names)
    totals = positive.totals()[by_name.persons]
    found = half_even(exact(by_name.numbers, 2 * SCALE) * SCALE, exact(totals, 2)).astype(np.int64)
    return Ranked(by_name, found, _indices(by_name, found, baseline))


def _indices(groups: Groups, shares_: Ints, baseline: Baseline | None) -> Ints:
    if baseline is None:
        return np.full(len(shares_), NO_INDEX, np.int64)
    population = np.array([baseline.shares.get(str(each), 0) for each in groups.names], np.int64)
    of_groups = population[groups.keys] if len(groups.keys) else groups.keys
    known = of_groups > 0
    found = np.full(len(shares_), NO_INDEX, np.int64)
    times = BASELINE_SCALE * PERCENT  # shares are at 10^4 as the index is
    found[known] = half_even(shares_[known] * times, of_groups[known])
    return found


def frozen(groups: Groups, names: tuple[NamedKeys, ...], known: Bools) -> Baseline | None:
    """The shares of the values among what known persons' positive groups hold, of the most common ones."""
    positive = groups.of_persons(known)
    positive = positive.take(positive.numbers > 0)
    total = int(added(positive.numbers, np.zeros(len(positive.numbers), np.int64), 1)[0])
    if not total:
        return None
    by_name = named(positive, names)
    sums = added(by_name.numbers, by_name.keys, len(by_name.names)).tolist()
    common = sorted(zip(by_name.names, sums, strict=True), key=lambda each: (-each[1], str(each[0])))
    found = {
        str(name): int(half_even(np.array([number * BASELINE_SCALE], object), np.array([total], object))[0])
        for name, number in common[:MAX_BASELINE_KEYS]
    }
    return Baseline({name: share for name, share in found.items() if share})


def best(found: Ranked, ranks: Ints, count: int) -> Ranked:
    """The first `count` of each person by falling `ranks`; in the order of the ranking within a person."""
    falling = -(np.unique(ranks, return_inverse=True)[1] if ranks.dtype == object else ranks)
    persons = found.groups.persons
    order = ordered(persons, falling, found.groups.keys)
    starts = np.cumsum(found.groups.counts) - found.groups.counts
    chosen = order[(np.arange(len(order)) - starts[persons]) < count]
    counts = np.minimum(found.groups.counts, count)
    groups = found.groups
    picked = replace(
        groups,
        counts=counts,
        keys=groups.keys[chosen],
        numbers=groups.numbers[chosen],
        events=groups.events[chosen],
    )
    return Ranked(picked, found.shares[chosen], found.indices[chosen])


def values(found: Ranked, shape: Shape, sure_events: int) -> Vector:
    """One text per person (the first), or all of them with their shares as weights. Many persons share a value."""
    groups = found.groups
    nothing = np.empty(1, object)
    nothing[0] = () if shape.multi_valued else ""
    data = nothing[np.zeros(len(groups.counts), np.int64)]
    places = np.flatnonzero(groups.counts > 0)
    ends = np.cumsum(groups.counts)[places]
    starts = ends - groups.counts[places]
    names = np.array([str(each) for each in groups.names], object)
    if not shape.multi_valued:
        data[places] = names[groups.keys[starts]]
        return Vector(groups.counts > 0, data)
    ranks = np.empty(len(names), np.int64)
    ranks[np.argsort(names)] = np.arange(len(names))
    falling = -found.shares if shape.weighted else np.zeros(len(found.shares), np.int64)
    order = ordered(groups.persons, falling, ranks[groups.keys])
    texts, weights = names[groups.keys[order]].tolist(), found.shares[order].tolist()
    confidences = confidence(groups, sure_events)[places].tolist()
    shared: dict[Hashable, tuple[str, ...]] = {}
    for place, start, end, sure in zip(
        places.tolist(), starts.tolist(), ends.tolist(), confidences, strict=True
    ):
        said = tuple(texts[start:end])
        weighed = tuple(weights[start:end]) if shape.weighted else ()
        value = shared.get((said, weighed, sure))
        if value is None:
            value = WeightedTexts.ordered(said, weighed, sure) if shape.weighted else said
            if len(shared) < SHARED:
                shared[said, weighed, sure] = value
        data[place] = value
    return Vector(groups.counts > 0, data)


def remarks(found: Ranked) -> tuple[str, ...]:
    """Each value of the first person with what was weighed, by falling number."""
    count = int(found.groups.counts[0])
    told = []
    for place in range(count):
        said = [f"share {decimal_text(int(found.shares[place]))}", f"events {found.groups.events[place]}"]
        if found.indices[place] != NO_INDEX:
            said.insert(1, f"TGI {decimal_text(int(found.indices[place]))}")
        name = found.groups.names[found.groups.keys[place]]
        told.append((-int(found.groups.numbers[place]), str(name), ", ".join(said)))
    return tuple(f"{name}: {said}" for _, name, said in sorted(told))


def confidence(groups: Groups, sure_events: int) -> Ints:
    """events / sure_events, at most 1, of what was chosen; 1 when `sure_events` is 0. Scaled by 10^4."""
    if not sure_events:
        return np.full(len(groups.counts), CERTAIN, np.int64)
    events = groups.event_totals().astype(np.int64)
    rounded: Ints = half_even(events * SCALE, sure_events).astype(np.int64)
    return np.minimum(rounded, CERTAIN)
