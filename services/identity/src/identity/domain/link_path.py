"""Chains of links within a person: as short as possible, and of equally short ones over the strongest links."""

from collections.abc import Mapping
from heapq import heappop, heappush

Weights = Mapping[int, Mapping[int, int]]
"""Symmetric: by key and neighbour how weak their link is, from 1."""


def chains_from(weights: Weights, start: int) -> dict[int, int]:
    """For each key that a chain reaches from `start`, the key before it there; `start` itself is left out. Ties fall to
    the smaller keys."""
    best = {start: (0, 0)}
    before: dict[int, int] = {}
    waiting = [(0, 0, start)]
    done: set[int] = set()
    while waiting:
        steps, weakness, key_id = heappop(waiting)
        if key_id in done:
            continue
        done.add(key_id)
        for other, weight in sorted(weights.get(key_id, {}).items()):
            cost = (steps + 1, weakness + weight)
            if other not in best or cost < best[other]:
                best[other] = cost
                before[other] = key_id
                heappush(waiting, (*cost, other))
    return before


def chain(weights: Weights, start: int, end: int) -> tuple[int, ...]:
    """The keys of the chain, both ends included; empty when there is none or both ends are one."""
    before = chains_from(weights, start)
    if end not in before:
        return ()
    found = [end]
    while found[-1] != start:
        found.append(before[found[-1]])
    return tuple(reversed(found))
