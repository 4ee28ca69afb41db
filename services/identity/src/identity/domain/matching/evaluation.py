"""How good links are: figures against known truth, and against labels with intervals that say how sure they are."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from math import comb, sqrt

CONFIDENCE_Z = 1.959963984540054
"""Two-sided 95 %."""


@dataclass(frozen=True, slots=True)
class PairFigures:
    """Of all pairs of rows: `precision` is the share of linked pairs that are one person, `recall` the share of one
    person's pairs that are linked, `f1` their harmonic mean. Empty denominators count as 1."""

    precision: float
    recall: float
    f1: float
    largest: int


def pair_figures(group_of: Mapping[int, Hashable], truth: Mapping[int, Hashable]) -> PairFigures:
    """Groups of the rows of `truth`, all pairs counted, whether blocking proposed them or not."""
    sizes = Counter(group_of[row] for row in truth)
    both = _pairs(Counter((group_of[row], person) for row, person in truth.items()).values())
    linked, true = _pairs(sizes.values()), _pairs(Counter(truth.values()).values())
    precision = both / linked if linked else 1.0
    recall = both / true if true else 1.0
    f1 = 2 * precision * recall / (precision + recall) if both else 0.0
    return PairFigures(precision, recall, f1, max(sizes.values(), default=0))


@dataclass(frozen=True, slots=True)
class Share:
    """`value` of `total` trials with its 95 % Wilson score interval."""

    value: float
    low: float
    high: float
    total: int


def wilson(successes: int, total: int, z: float = CONFIDENCE_Z) -> Share:
    """A share with its Wilson score interval (Wilson 1927), which holds at small counts and near 0 and 1."""
    if total == 0:
        return Share(0.0, 0.0, 1.0, 0)
    share, squared = successes / total, z * z
    middle = (share + squared / (2 * total)) / (1 + squared / total)
    half = z * sqrt(share * (1 - share) / total + squared / (4 * total * total)) / (1 + squared / total)
    return Share(share, max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half)), total)


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A pair that a human decided, with the weight its model gave it."""

    weight: float
    same: bool


@dataclass(frozen=True, slots=True)
class ThresholdFigures:
    """What a threshold would do to the labelled pairs: `precision` of those at or above it, `recall` of those that are
    one person."""

    weight: float
    precision: Share
    recall: Share


MIN_LABELS = 20
"""Fewer labelled pairs at or above a threshold say nothing of it."""


def evaluate(labels: Iterable[LabelledPair], weights: Iterable[float]) -> tuple[ThresholdFigures, ...]:
    """The figures of each threshold, in ascending order. They hold for the pairs that were labelled: those a review
    showed, not a sample of all."""
    known = list(labels)
    matches = sum(label.same for label in known)
    figures: list[ThresholdFigures] = []
    for weight in sorted(set(weights)):
        above = [label.same for label in known if label.weight >= weight]
        figures.append(ThresholdFigures(weight, wilson(sum(above), len(above)), wilson(sum(above), matches)))
    return tuple(figures)


def lowest_safe_weight(labels: Iterable[LabelledPair], precision: float) -> float | None:
    """The lowest weight of a label from which on at least 20 labels are right with at least this share, by the lower
    end of the interval; None when no weight is that sure."""
    known = sorted(labels, key=lambda label: -label.weight)
    right, best = 0, None
    for count, label in enumerate(known, start=1):
        right += label.same
        ends = count == len(known) or known[count].weight < label.weight
        if ends and count >= MIN_LABELS and wilson(right, count).low >= precision:
            best = label.weight
    return best


def _pairs(sizes: Iterable[int]) -> int:
    return sum(comb(size, 2) for size in sizes)
