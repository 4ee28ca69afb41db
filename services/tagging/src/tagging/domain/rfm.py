"""RFM: everyone who paid is high or low in recency, frequency and monetary value: one of eight classes; and has a score
from 1 to 5 in each.

Where high begins, and the numbers between scores, are frozen by each publishing run from its population, as fixed-point
numbers; the stream uses the latest frozen cuts, so a person's result is a function of the person's events and the cuts.

A score is 1 and one more for each of four numbers that the measure is above (for recency, below). Without stated
numbers these are the population's fifths: the k-th worst of n, k = n / 5, 2 n / 5 ... rounded up.
"""

import numpy as np
import numpy.typing as npt
from rules.values import INT64_MAX, SCALE, decimal_text, divide_half_even, in_range

from .columns import Bools, Ints
from .cuts import RfmCuts, Threshold
from .definition import SCORES, Cut, FixedCut, HighScore, MeanCut, RfmKind, RfmMeasure, RfmResult, TopCut

MEASURES = ("recency", "frequency", "monetary")
NO_CUTS = "no run has frozen where high begins yet"
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


def freeze(kind: RfmKind, recency: Ints, frequency: Ints, monetary: Ints) -> RfmCuts | None:
    """The cuts of a population, one slot per person, all measures known; None when it is empty."""
    if not len(recency):
        return None
    low = (True, False, False)
    measured = list(zip(kind.measures, (recency, frequency, monetary), low, strict=True))
    scales = [_scale(kind, *each) for each in measured]
    first, second, third = (
        _threshold(measure.cut, numbers, scale, low_is_best=low_is_best)
        for (measure, numbers, low_is_best), scale in zip(measured, scales, strict=True)
    )
    return RfmCuts(first, second, third, (scales[0], scales[1], scales[2]))


def results(
    kind: RfmKind, cuts: RfmCuts, recency: Ints, frequency: Ints, monetary: Ints
) -> npt.NDArray[np.object_] | Ints:
    """What the definition asks for of each person: texts, or numbers scaled by 10^4."""
    if kind.result is RfmResult.CLASS:
        return classify(cuts, recency, frequency, monetary)
    scores = (
        score(cuts.scales[0], recency, low_is_best=True),
        score(cuts.scales[1], frequency, low_is_best=False),
        score(cuts.scales[2], monetary, low_is_best=False),
    )
    match kind.result:
        case RfmResult.SCORES:
            digits = (100 * scores[0] + 10 * scores[1] + scores[2]).tolist()
            return np.array([str(each) for each in digits], object)
        case RfmResult.TOTAL:
            return (scores[0] + scores[1] + scores[2]) * SCALE
    order = (RfmResult.RECENCY_SCORE, RfmResult.FREQUENCY_SCORE, RfmResult.MONETARY_SCORE)
    return scores[order.index(kind.result)] * SCALE


def remarks(kind: RfmKind, cuts: RfmCuts) -> tuple[str, ...]:
    """Where high begins, and the scores."""
    told = []
    thresholds = (cuts.recency, cuts.frequency, cuts.monetary)
    for name, threshold, scale in zip(MEASURES, thresholds, cuts.scales, strict=True):
        beyond = "below" if name == MEASURES[0] else "above"
        if kind.result is RfmResult.CLASS:
            said = f"at or {beyond}" if threshold.inclusive else beyond
            told.append(f"{name} is high {said} {decimal_text(threshold.number)}")
        if scale:
            bounds = ", ".join(decimal_text(each) for each in scale)
            told.append(f"{name} scores 1, and one more {beyond} each of {bounds}")
    return tuple(told)


def score(scale: tuple[int, ...], numbers: Ints, *, low_is_best: bool) -> Ints:
    """1 to 5; `scale` from the worst to the best."""
    found = np.ones(len(numbers), np.int64)
    for bound in scale:
        found += numbers < bound if low_is_best else numbers > bound
    return found


def classify(cuts: RfmCuts, recency: Ints, frequency: Ints, monetary: Ints) -> npt.NDArray[np.object_]:
    """The class of each person."""
    index = (
        4 * _high(cuts.recency, recency, low_is_best=True).astype(np.int64)
        + 2 * _high(cuts.frequency, frequency, low_is_best=False)
        + _high(cuts.monetary, monetary, low_is_best=False)
    )
    found: npt.NDArray[np.object_] = np.array(CLASSES, object)[index]
    return found


def _scale(kind: RfmKind, measure: RfmMeasure, numbers: Ints, low_is_best: bool) -> tuple[int, ...]:
    """The four numbers between scores, from the worst; () when no score is asked for."""
    if not kind.scores:
        return ()
    if measure.score_bounds:
        return measure.score_bounds[::-1] if low_is_best else measure.score_bounds
    worst = np.sort(numbers)[::-1] if low_is_best else np.sort(numbers)
    return tuple(int(worst[-(-part * len(worst) // SCORES) - 1]) for part in range(1, SCORES))


def _threshold(cut: Cut, numbers: Ints, scale: tuple[int, ...], *, low_is_best: bool) -> Threshold:
    match cut:
        case FixedCut(number):
            return Threshold(number)
        case MeanCut():
            return Threshold(_mean(numbers))
        case TopCut(percent):
            best = np.sort(numbers) if low_is_best else np.sort(numbers)[::-1]
            count = -(-percent * len(numbers) // (100 * SCALE))  # rounded up: somebody is always best
            return Threshold(int(best[min(max(count, 1), len(best)) - 1]), inclusive=True)
        case HighScore(score=least):
            return Threshold(scale[least - 2])


def _mean(numbers: Ints) -> int:
    """Exact, half to even."""
    largest = max(int(numbers.max()), -int(numbers.min()))
    total = int(numbers.sum()) if largest * len(numbers) <= INT64_MAX else sum(numbers.tolist())
    return in_range(divide_half_even(total, len(numbers)))


def _high(threshold: Threshold, numbers: Ints, *, low_is_best: bool) -> Bools:
    beyond: Bools = numbers < threshold.number if low_is_best else numbers > threshold.number
    at: Bools = np.equal(numbers, threshold.number)
    return beyond | at if threshold.inclusive else beyond
