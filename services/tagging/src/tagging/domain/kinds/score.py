"""Score: a weighted sum of conditions and numbers, each between 0 and 1, scaled to a range.

part   = 1 where a rule holds, else 0; or a number clipped between `zero_at` (0) and `full_at` (1), in a line between
         them, half to even at four decimals; an unknown number is 0
value  = least + (sum of weight * part) * (most - least), half to even at four decimals
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from rules.values import NUMBER, SCALE, Kind, decimal_text
from tagging.domain.columns import Ints, Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.definition_limits import MAX_SCORE_PARTS
from tagging.domain.groups import exact, half_even
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Scaled, Uncut, truths, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType


@dataclass(frozen=True, slots=True)
class ScorePart:
    """`when` is a rule; `expression` a number, of tags or events. `full_at` below `zero_at`: less is better."""

    weight: Scaled
    when: str = ""
    expression: str = ""
    zero_at: Scaled = 0
    full_at: Scaled = 0


@dataclass(frozen=True, slots=True)
class ScoreKind(Uncut):
    """The weights add up to 1. Known persons only; all of them have a score."""

    field: ClassVar[str] = "score"
    everybody: ClassVar[bool] = False
    daily: ClassVar[bool] = False

    parts: tuple[ScorePart, ...] = ()
    least: Scaled = 0
    most: Scaled = 100 * SCALE

    def fault(self, value_type: "TagValueType") -> str:
        if value_type.base is not Kind.NUMBER or value_type.multi_valued:
            return "parts: its values are numbers, and a person has one"
        if not 1 <= len(self.parts) <= MAX_SCORE_PARTS:
            return f"parts: has {len(self.parts)}, allowed are 1 to {MAX_SCORE_PARTS}"
        for index, part in enumerate(self.parts):
            if problem := _part_fault(part):
                return f"parts[{index}].{problem}"
        total = sum(part.weight for part in self.parts)
        if total != SCALE:
            return f"parts: the weights add up to {decimal_text(total)}, they must add up to 1"
        return "" if self.least < self.most else "least: is below most"

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        asked: dict[str, Question] = {}
        for index, part in enumerate(self.parts):
            where = f"{self.field}.parts[{index}]"
            if part.when:
                asked[f"part{index}"] = compiler.rule(f"{where}.when", part.when)
            else:
                asked[f"part{index}"] = compiler.value(f"{where}.expression", part.expression, NUMBER)
        return asked

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        total: Ints = np.zeros(len(vector(answers, "part0").known), np.int64)
        for index, part in enumerate(self.parts):
            total = total + _part(part, answers, index) * part.weight
        reach = self.most - self.least
        scaled = half_even(exact(total, 2 * reach) * reach, SCALE * SCALE).astype(np.int64)
        return Vector(np.ones(len(total), np.bool_), scaled + self.least)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        found = [int(_part(part, answers, index)[0]) for index, part in enumerate(self.parts)]
        return tuple(
            f"{part.when or part.expression}: {decimal_text(each)} of weight {decimal_text(part.weight)}"
            for part, each in zip(self.parts, found, strict=True)
        )


def _part(part: ScorePart, answers: Mapping[str, Answer], index: int) -> Ints:
    """Between 0 and 1, scaled by 10^4."""
    name = f"part{index}"
    return truths(answers, name) * SCALE if part.when else _clipped(part, vector(answers, name))


def _part_fault(part: ScorePart) -> str:
    if part.weight <= 0:
        return "weight: is above 0"
    if bool(part.when.strip()) == bool(part.expression.strip()):
        return "when: either a rule or an expression"
    if part.expression and part.zero_at == part.full_at:
        return "full_at: differs from zero_at"
    if part.when and (part.zero_at or part.full_at):
        return "zero_at: a rule has no ends"
    return ""


def _clipped(part: ScorePart, answer: Vector) -> Ints:
    low, high = sorted((part.zero_at, part.full_at))
    inside = np.clip(answer.data.astype(np.int64), low, high)
    above = inside - part.zero_at if part.full_at > part.zero_at else part.zero_at - inside
    reach = abs(part.full_at - part.zero_at)
    found = half_even(exact(above, 2 * SCALE) * SCALE, reach).astype(np.int64)
    return np.where(answer.known, found, 0)
