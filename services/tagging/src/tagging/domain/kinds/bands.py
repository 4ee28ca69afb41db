"""Bands: a number put between fixed bounds, or between percentiles of the population."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rules.values import NUMBER, SCALE, Kind, decimal_text, normal_text
from tagging.domain.columns import Bools, Ints, Shape, Vector
from tagging.domain.cuts import BandCuts, Cuts
from tagging.domain.definition_limits import MAX_BANDS
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Scaled, truths, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

EXPRESSION, POPULATION = "expression", "population"
HUNDRED = 100 * SCALE


@dataclass(frozen=True, slots=True)
class BandsKind:
    """`values` from the lowest band to the highest, one more than there are bounds or percentiles.

    bounds       a band begins at its bound: with 100, 500 the second holds 100 and the third 500
    percentiles  the number that so many per cent of the population do not exceed (nearest rank: the k-th smallest of n,
                 k = percent * n / 100 rounded up) still belongs to the lower band. Frozen by each publishing run;
                 before the first nobody has a value
    population   a rule: whose numbers make the percentiles, of known persons with a number; "" is all of them

    Everybody whose number is known has a value, anonymous persons too.
    """

    field: ClassVar[str] = "bands"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    expression: str
    values: tuple[str, ...] = ()
    bounds: tuple[Scaled, ...] = ()
    percentiles: tuple[Scaled, ...] = ()
    population: str = ""

    def fault(self, value_type: "TagValueType") -> str:
        cuts, name = (self.bounds, "bounds") if self.bounds else (self.percentiles, "percentiles")
        if not self.expression.strip():
            return "expression: is empty"
        if value_type.base is not Kind.TEXT or value_type.multi_valued:
            return "values: are texts, and a person has one of them"
        if bool(self.bounds) == bool(self.percentiles):
            return "bounds: either bounds or percentiles say where bands begin"
        if len(cuts) >= MAX_BANDS:
            return f"{name}: make {len(cuts) + 1} bands, the limit is {MAX_BANDS}"
        for place, (before, after) in enumerate(pairwise(cuts), start=1):
            if after <= before:
                return f"{name}[{place}]: is not above the one before: they must rise"
        if self.percentiles and not 0 < self.percentiles[0] <= self.percentiles[-1] < HUNDRED:
            return "percentiles: are between 0 and 100"
        if self.population and self.bounds:
            return "population: only percentiles have one"
        return self._values_fault(len(cuts) + 1)

    def _values_fault(self, bands: int) -> str:
        if len(self.values) != bands:
            return f"values: has {len(self.values)}, {bands} bands need {bands}"
        for place, each in enumerate(self.values):
            if not each or each != normal_text(each):
                return f"values[{place}]: '{each}' is not in normal form: NFKC, trimmed, not empty"
        return ""

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        asked: dict[str, Question] = {
            EXPRESSION: compiler.value(f"{self.field}.{EXPRESSION}", self.expression, NUMBER)
        }
        if self.population:
            asked[POPULATION] = compiler.rule(f"{self.field}.{POPULATION}", self.population)
        return asked

    def listed(self) -> frozenset[str] | None:
        return frozenset(self.values)

    @property
    def has_cuts(self) -> bool:
        return bool(self.percentiles)

    def freeze(self, answers: Mapping[str, Answer], known: Bools) -> Cuts | None:
        numbers = vector(answers, EXPRESSION)
        chosen = numbers.known & known
        if self.population:
            chosen = chosen & truths(answers, POPULATION)
        return percentile_cuts(self.percentiles, numbers.data[chosen].astype(np.int64))

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        numbers = vector(answers, EXPRESSION)
        data = numbers.data.astype(np.int64)
        values = np.array(self.values, object)
        if not self.percentiles:
            places = np.searchsorted(np.array(self.bounds, np.int64), data, side="right")
            return Vector(numbers.known, values[places])
        if not isinstance(cuts, BandCuts):
            return Vector(np.zeros(len(data), np.bool_), np.full(len(data), "", object))
        places = np.searchsorted(np.array(cuts.bounds, np.int64), data, side="left")
        return Vector(numbers.known, values[places])

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        if self.bounds:
            pairs = zip(self.values[1:], self.bounds, strict=True)
            return tuple(f"{value} from {decimal_text(bound)}" for value, bound in pairs)
        if not isinstance(cuts, BandCuts):
            return ("no run has frozen the percentiles yet",)
        found = zip(self.values[1:], self.percentiles, cuts.bounds, strict=True)
        return tuple(
            f"{value} above {decimal_text(bound)}, the number of percentile {decimal_text(percent)}"
            for value, percent, bound in found
        )


def percentile_cuts(percentiles: tuple[Scaled, ...], numbers: Ints) -> BandCuts | None:
    """The numbers of nearest rank; None without numbers."""
    if not len(numbers):
        return None
    ordered = np.sort(numbers)
    ranks = [max(-(-percent * len(ordered) // HUNDRED), 1) for percent in percentiles]
    return BandCuts(tuple(int(ordered[rank - 1]) for rank in ranks))
