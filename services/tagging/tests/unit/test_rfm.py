import numpy as np
from tagging.domain.cuts import RfmCuts, Threshold
from tagging.domain.definition import FixedCut, HighScore, RfmKind, RfmMeasure, RfmResult, TopCut
from tagging.domain.rfm import CLASSES, classify, freeze, results

SCALE = 10_000


def measures(*cuts):
    return RfmKind(*(RfmMeasure("COUNT(order_paid)", cut) if cut else RfmMeasure("x") for cut in cuts))


def numbers(*values):
    return np.array([round(each * SCALE) for each in values], np.int64)


def test_the_eight_classes_are_those_of_the_design():
    cuts = RfmCuts(Threshold(5 * SCALE), Threshold(5 * SCALE), Threshold(5 * SCALE))
    expected = {
        "111": "key_value",
        "011": "key_keep",
        "101": "key_develop",
        "001": "key_win_back",
        "110": "general_value",
        "010": "general_keep",
        "100": "general_develop",
        "000": "general_win_back",
    }
    assert sorted(expected.values()) == sorted(CLASSES)
    for bits, name in expected.items():
        recency = 1 if bits[0] == "1" else 9  # few days ago is high
        frequency, monetary = (9 if bit == "1" else 1 for bit in bits[1:])
        assert classify(cuts, numbers(recency), numbers(frequency), numbers(monetary)).tolist() == [name]


def test_high_begins_beyond_the_mean_which_is_fixed_point():
    recency, frequency, monetary = numbers(1, 2, 6), numbers(1, 1, 2), numbers(10, 20, 30)
    cuts = freeze(measures(None, None, None), recency, frequency, monetary)
    assert cuts == RfmCuts(Threshold(3 * SCALE), Threshold(13_333), Threshold(20 * SCALE))
    wide = freeze(measures(None, None, None), recency, frequency, np.array([2**62, 2**62, 2**62 + 2]))
    assert wide is not None
    assert wide.monetary == Threshold(2**62 + 1)
    # 20 is the mean itself, so it is not above it
    assert classify(cuts, recency, frequency, monetary).tolist() == [
        "general_develop",
        "general_develop",
        "key_keep",
    ]


def test_fixed_and_top_cuts():
    recency, frequency, monetary = numbers(1, 2, 3, 4), numbers(4, 3, 2, 1), numbers(1, 2, 3, 4)
    kind = measures(FixedCut(3 * SCALE), TopCut(50 * SCALE), TopCut(1 * SCALE))
    cuts = freeze(kind, recency, frequency, monetary)
    assert cuts == RfmCuts(Threshold(3 * SCALE), Threshold(3 * SCALE, True), Threshold(4 * SCALE, True))
    assert classify(cuts, recency, frequency, monetary).tolist() == [
        "general_value",
        "general_value",
        "general_win_back",
        "key_win_back",
    ]


def test_the_best_per_cent_of_recency_are_the_fewest_days():
    cuts = freeze(
        measures(TopCut(25 * SCALE), None, None),
        numbers(8, 2, 9, 4),
        numbers(1, 1, 1, 1),
        numbers(1, 1, 1, 1),
    )
    assert cuts is not None
    assert cuts.recency == Threshold(2 * SCALE, True)


def test_nobody_has_no_cuts():
    assert freeze(measures(None, None, None), numbers(), numbers(), numbers()) is None


def test_scores_are_the_population_fifths_from_the_worst():
    measured = RfmKind(*(RfmMeasure("x"),) * 3, result=RfmResult.SCORES)
    recency, frequency, monetary = numbers(*range(1, 11)), numbers(*range(1, 11)), numbers(*[7] * 10)
    cuts = freeze(measured, recency, frequency, monetary)
    # the worst fifth of ten are two persons: recency 10 and 9, frequency 1 and 2
    assert cuts.scales[0] == (9 * SCALE, 7 * SCALE, 5 * SCALE, 3 * SCALE)
    assert cuts.scales[1] == (2 * SCALE, 4 * SCALE, 6 * SCALE, 8 * SCALE)
    found = results(measured, cuts, recency, frequency, monetary).tolist()
    assert found == ["511", "511", "421", "421", "331", "331", "241", "241", "151", "151"]


def test_stated_bounds_make_scores_that_are_compared_strictly():
    bounds = tuple(each * SCALE for each in (10, 20, 30, 40))
    measured = RfmKind(*(RfmMeasure("x", score_bounds=bounds),) * 3, result=RfmResult.TOTAL)
    at = numbers(5, 10, 11, 40, 41)
    cuts = freeze(measured, at, at, at)
    # recency: 40 -> 1, below 40 -> 2 ... below 10 -> 5; the others: above 10 -> 2 ... above 40 -> 5
    assert results(measured, cuts, at, at, at).tolist() == [
        each * SCALE for each in (5 + 1 + 1, 4 + 1 + 1, 4 + 2 + 2, 1 + 4 + 4, 1 + 5 + 5)
    ]


def test_high_may_begin_at_a_score():
    measured = RfmKind(*(RfmMeasure("x", HighScore(4)),) * 3)
    recency, frequency = numbers(*range(1, 11)), numbers(*range(10, 0, -1))
    cuts = freeze(measured, recency, frequency, frequency)
    assert (
        classify(cuts, recency, frequency, frequency).tolist() == ["key_value"] * 4 + ["general_win_back"] * 6
    )
