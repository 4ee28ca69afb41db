"""Is a share different between two groups of persons, and how sure is that after looking at many values at once?

Two by two tables (has the value or not, one group or the other) by Campbell's rule: Karl Pearson's chi-square times
(N - 1) / N where every expected number is 1 at least, else the exact test of Fisher and Irwin, two-sided by the tables
that are no likelier than the one seen. I. Campbell, Chi-squared and Fisher-Irwin tests of two-by-two tables with small
sample recommendations, Statistics in Medicine 26 (2007), 3661-3675.

Correction: Y. Benjamini and Y. Hochberg, Controlling the false discovery rate, Journal of the Royal Statistical Society
B 57 (1995), 289-300: of the differences that are called real, the expected share of false ones is below the limit.
"""

import math
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from segments.domain.packing import Codes

Floats: TypeAlias = npt.NDArray[np.float64]
FEWEST_EXPECTED = 1.0
_AS_LIKELY = 1 + 1e-7
"""Tables whose likelihood differs by rounding alone are equally likely."""


def differences(first: Codes, first_all: int, second: Codes, second_all: int) -> Floats:
    """The p-value of each value: `first[i]` of `first_all` persons have it against `second[i]` of `second_all` others.
    1 where nothing can differ: an empty group, or everybody or nobody has the value."""
    found = np.ones(len(first), np.float64)
    if first_all == 0 or second_all == 0:
        return found
    having, people = first + second, first_all + second_all
    smallest = np.minimum(having, people - having).astype(np.float64) * min(first_all, second_all) / people
    tested = (having > 0) & (having < people)
    asymptotic = tested & (smallest >= FEWEST_EXPECTED)
    found[asymptotic] = _chi_square(
        first[asymptotic].astype(np.float64), first_all, second[asymptotic].astype(np.float64), second_all
    )
    exact = np.flatnonzero(tested & ~asymptotic)
    if len(exact):
        pairs, of = np.unique(np.stack([first[exact], having[exact]]), axis=1, return_inverse=True)
        each = [fisher_irwin(inside, first_all, of_all, people) for inside, of_all in pairs.T.tolist()]
        found[exact] = np.asarray(each)[of]
    return found


def _chi_square(first: Floats, first_all: int, second: Floats, second_all: int) -> Floats:
    people = float(first_all + second_all)
    having = first + second
    cross = first * (second_all - second) - second * (first_all - first)
    statistic = (people - 1) * cross / first_all * cross / second_all / having / (people - having)
    return np.asarray([math.erfc(math.sqrt(each / 2)) for each in statistic.tolist()], np.float64)


def fisher_irwin(inside: int, group: int, having: int, people: int) -> float:
    """How likely is a draw of `group` out of `people`, of whom `having` have the value, that is no likelier than one
    with `inside` of them? Costs the length of the shorter margin."""
    least, most = max(0, group + having - people), min(group, having)
    number = np.arange(least, most, dtype=np.float64)
    ratios = (having - number) * (group - number) / ((number + 1) * (people - having - group + number + 1))
    logs = np.concatenate([[0.0], np.cumsum(np.log(ratios))])
    likely = np.exp(logs - logs.max())
    seen = likely[inside - least]
    return float(min(1.0, likely[likely <= seen * _AS_LIKELY].sum() / likely.sum()))


def corrected(p_values: Floats) -> Floats:
    """Benjamini-Hochberg adjusted p-values, in the same order."""
    number = len(p_values)
    order = np.argsort(p_values, kind="stable")[::-1]
    ranks = np.arange(number, 0, -1)
    found = np.empty(number, np.float64)
    found[order] = np.minimum(1.0, np.minimum.accumulate(p_values[order] * number / ranks))
    return found
