import numpy as np
from tagging.domain.definition import FixedCut, RfmKind, RfmMeasure, TopCut
from tagging.domain.rfm import CLASSES, Cuts, Threshold, classify, freeze

SCALE = 10_000


def measures(*cuts):
    return RfmKind(*(RfmMeasure("COUNT(order_paid)", cut) if cut else RfmMeasure("x") for cut in cuts))


def numbers(*values):
    return np.array([round(each * SCALE) for each in values], np.int64)


def test_the_eight_classes_are_those_of_the_design():
    cuts = Cuts(Threshold(5 * SCALE), Threshold(5 * SCALE), Threshold(5 * SCALE))
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
    assert cuts == Cuts(Threshold(3 * SCALE), Threshold(13_333), Threshold(20 * SCALE))
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
    assert cuts == Cuts(Threshold(3 * SCALE), Threshold(3 * SCALE, True), Threshold(4 * SCALE, True))
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
