"""The score of a tag: six parts of one hundred, each between 0 and 1. A part that nothing can be said of is left out
and the others stand for the whole; without any the score is 0.

    freshness     20  1 while the promise is kept, then falling to 0 at twice the promised age
    completeness  20  persons with a value: of those the owner wants, else of those that had one before
    validity      25  the share of values that break no rule of the owner
    stability     15  1 up to a stability index of 0.1, 0 from 0.25, straight between; the worse of the two
    agreement     10  1 minus twice the share of persons whose behaviour contradicts the value
    usage         10  1 when somebody read it within 30 days or something rests on it
"""

import datetime as dt
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

from rules.values import SCALE, divide_half_even

from .measurement import Measurement, share
from .rules import QualityRules
from .stability import LITTLE, MUCH


class Part(Enum):
    """In the order that people read them."""

    FRESHNESS = "freshness"
    COMPLETENESS = "completeness"
    VALIDITY = "validity"
    STABILITY = "stability"
    AGREEMENT = "agreement"
    USAGE = "usage"


WEIGHTS = {
    Part.FRESHNESS: 20,
    Part.COMPLETENESS: 20,
    Part.VALIDITY: 25,
    Part.STABILITY: 15,
    Part.AGREEMENT: 10,
    Part.USAGE: 10,
}
"""Together 100."""


@dataclass(frozen=True, slots=True)
class ScorePart:
    """`value` is between 0 and 1, scaled by 10^4."""

    part: Part
    value: int

    @property
    def weight(self) -> int:
        return WEIGHTS[self.part]


@dataclass(frozen=True, slots=True)
class Score:
    """`points`: 0 to 100; `parts` in the order of Part, without those that nothing can be said of."""

    points: int
    parts: tuple[ScorePart, ...]


def score(measured: Measurement, rules: QualityRules) -> Score:
    """Of a measurement, under the rules of its definition."""
    found = {
        Part.FRESHNESS: _freshness(measured),
        Part.COMPLETENESS: _completeness(measured, rules),
        Part.VALIDITY: _validity(measured),
        Part.STABILITY: _stability(measured),
        Part.AGREEMENT: _agreement(measured),
        Part.USAGE: _usage(measured),
    }
    return of_parts(ScorePart(part, value) for part, value in found.items() if value is not None)


def of_parts(parts: Iterable[ScorePart]) -> Score:
    listed = tuple(parts)
    weight = sum(each.weight for each in listed)
    points = sum(each.weight * each.value for each in listed)
    return Score(divide_half_even(points * 100, weight * SCALE) if weight else 0, listed)


def _freshness(measured: Measurement) -> int | None:
    promised = dt.timedelta(hours=measured.freshness.promised_hours)
    if not promised:
        return None
    age = measured.freshness.age(measured.time)
    if age is None:
        return 0
    late = max(age - promised, dt.timedelta(0))
    return SCALE - min(SCALE, round(late / promised * SCALE))


def _completeness(measured: Measurement, rules: QualityRules) -> int | None:
    wanted = [
        *([share(measured.known_count, rules.min_people)] if rules.min_people else []),
        *([_complete(measured, rules.max_null_share)] if rules.max_null_share is not None else []),
    ]
    if wanted:
        return min(wanted)
    if measured.previous_known:
        return share(measured.known_count, measured.previous_known)
    return None if not measured.population else SCALE if measured.known_count else 0


def _complete(measured: Measurement, allowed: int) -> int:
    """How near the share with a value is to what the owner wants."""
    wanted = SCALE - allowed
    return SCALE if measured.coverage >= wanted else share(measured.coverage, wanted)


def _validity(measured: Measurement) -> int | None:
    checked = measured.validity
    if checked is None or not checked.checked_count:
        return None
    return SCALE - share(checked.broken_count, checked.checked_count)


def _stability(measured: Measurement) -> int | None:
    worst = measured.drift.worst
    if worst is None:
        return None
    return SCALE - min(SCALE, divide_half_even(max(worst - LITTLE, 0) * SCALE, MUCH - LITTLE))


def _agreement(measured: Measurement) -> int | None:
    found = measured.agreement
    if found is None or not found.checked_count:
        return None
    return max(0, SCALE - 2 * share(found.contradicted_count, found.checked_count))


def _usage(measured: Measurement) -> int | None:
    if measured.use.is_used:
        return SCALE
    return None if measured.use.is_early else 0
