"""The population stability index: how far a distribution has moved from an earlier one.

    PSI = sum over bins of (now - then) * ln(now / then)

of the shares in each bin (Siddiqi, Credit Risk Scorecards, 2006: below 0.1 little, above 0.25 much). It is the sum of
the Kullback-Leibler divergences both ways, hence symmetric, never negative, and 0 only when all shares are the same. A
share below 0.0001 counts as that, so that an empty bin is a finite difference.
"""

from math import log

from rules.values import SCALE

from .distribution import MAX_NAMED, BinnedCounts, Distribution, NamedCounts, total

LITTLE = SCALE // 10
MUCH = SCALE // 4
"""Scaled by 10^4: up to LITTLE nothing to mind, from MUCH on another population."""
LEAST_SHARE = 0.0001


def stability_index(then: Distribution, now: Distribution) -> int | None:
    """Scaled by 10^4, half to even. None when the two cannot be compared: one is empty, or their bins differ.

    Of values told by name in one only, fewer than MIN_NAMED_COUNT are in the other, which counts as none; where the
    other tells as many as it may, nobody knows, and they count among the others in both.
    """
    pairs = _pairs(then, now)
    if pairs is None or not total(then) or not total(now):
        return None
    all_then, all_now = (sum(each) for each in zip(*pairs, strict=True))
    index = 0.0
    for count_then, count_now in pairs:
        share_then = max(count_then / all_then, LEAST_SHARE)
        share_now = max(count_now / all_now, LEAST_SHARE)
        index += (share_now - share_then) * log(share_now / share_then)
    return round(index * SCALE)


def _pairs(then: Distribution, now: Distribution) -> list[tuple[int, int]] | None:
    match then, now:
        case BinnedCounts(), BinnedCounts():
            return list(zip(then.counts, now.counts, strict=True)) if then.edges == now.edges else None
        case NamedCounts(), NamedCounts():
            before, after = dict(then.counts), dict(now.counts)
            known = [
                each.keys() if len(each) >= MAX_NAMED else before.keys() | after.keys()
                for each in (before, after)
            ]
            both = sorted(known[0] & known[1], key=str)
            pairs = [(before.get(each, 0), after.get(each, 0)) for each in both]
            rest = [
                total(each) - sum(pair[place] for pair in pairs) for place, each in enumerate((then, now))
            ]
            return [*pairs, (rest[0], rest[1])]
    return None
