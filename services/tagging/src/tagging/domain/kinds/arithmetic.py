"""Arithmetic over tags."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rules.values import NUMBER, Kind
from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment

from .kind import Answer, Compiler, Question, Uncut, vector

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

EXPRESSION = "expression"


@dataclass(frozen=True, slots=True)
class ArithmeticKind(Uncut):
    """+ - * / over number tags and numbers, and the time functions of dates; half to even at four decimals at each
    step. Unknown when a tag is, and when a divisor is 0. Every person for whom it is known has a value."""

    field: ClassVar[str] = "arithmetic"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    expression: str

    def fault(self, value_type: "TagValueType") -> str:
        if value_type.base is not Kind.NUMBER or value_type.multi_valued:
            return "expression: its values are numbers, and a person has one"
        return "" if self.expression.strip() else "expression: is empty"

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        field = f"{self.field}.{EXPRESSION}"
        return {EXPRESSION: compiler.of_tags(field, self.expression, NUMBER)}

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        return vector(answers, EXPRESSION)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ()
