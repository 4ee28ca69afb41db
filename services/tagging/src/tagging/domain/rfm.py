"""RFM: everyone who paid is high or low in recency, frequency and monetary value: one of eight classes.

Where high begins is frozen by each publishing run from its population, as fixed-point numbers; the stream
uses the latest frozen cuts, so a person's class is a function of the person's events and the cuts.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from rules.values import SCALE, average

from .columns import Bools, Ints
from .definition import Cut, FixedCut, MeanCut, RfmKind, TopCut

# By (recency, frequency, monetary), high or low: 4 * r + 2 * f + m.
CLASSES = (
    "general_win_back",
    "key_win_back",
    "general_keep",
    "key_keep",
    "general_develop",
    "key_develop",
    "general_value",
    "key_value",
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """High is beyond `number` (scaled), or at it too when `inclusive`."""

    number: int
    inclusive: bool = False


@dataclass(frozen=True, slots=True)
class Cuts:
    """Frozen by a run. For recency beyond is below: fewer days are better."""

    recency: Threshold
    frequency: Threshold
    monetary: Threshold


def freeze(kind: RfmKind, recency: Ints, frequency: Ints, monetary: Ints) -> Cuts | None:
    """The cuts of a population, one slot per person, all measures known; None when it is empty."""
    if not len(recency):
        return None
    return Cuts(
        _threshold(kind.recency.cut, recency, low_is_best=True),
        _threshold(kind.frequency.cut, frequency, low_is_best=False),
        _threshold(kind.monetary.cut, monetary, low_is_best=False),
    )


def classify(cuts: Cuts, recency: Ints, frequency: Ints, monetary: Ints) -> npt.NDArray[np.object_]:
    """The class of each person."""
    index = (
        4 * _high(cuts.recency, recency, low_is_best=True).astype(np.int64)
        + 2 * _high(cuts.frequency, frequency, low_is_best=False)
        + _high(cuts.monetary, monetary, low_is_best=False)
    )
    found: npt.NDArray[np.object_] = np.array(CLASSES, object)[index]
    return found


def _threshold(cut: Cut, numbers: Ints, *, low_is_best: bool) -> Threshold:
    match cut:
        case FixedCut(number):
            return Threshold(number)
        case MeanCut():
            mean = average(numbers.tolist())
            assert mean is not None
            return Threshold(mean)
        case TopCut(percent):
            best = np.sort(numbers) if low_is_best else np.sort(numbers)[::-1]
            count = -(-percent * len(numbers) // (100 * SCALE))  # rounded up: somebody is always best
            return Threshold(int(best[min(max(count, 1), len(best)) - 1]), inclusive=True)


def _high(threshold: Threshold, numbers: Ints, *, low_is_best: bool) -> Bools:
    beyond: Bools = numbers < threshold.number if low_is_best else numbers > threshold.number
    at: Bools = np.equal(numbers, threshold.number)
    return beyond | at if threshold.inclusive else beyond
