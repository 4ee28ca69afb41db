"""Top values: what a person has most of."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rules.values import SCALE, Kind
from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.definition_limits import MAX_ELEMENTS_OF_A_RANKING
from tagging.domain.moment import Moment

from . import ranking
from .kind import Answer, Compiler, Question, Scaled, Uncut, groups
from .naming import question_of

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType

MEASURE = "measure"


@dataclass(frozen=True, slots=True)
class TopNKind(Uncut):
    """The `count` values with the greatest numbers, of those with at least `least_share` of the person's total.

    A list carries the shares as weights when its type is weighted; a single text (`count` 1) is the first.
    sure_events  with so many events or more the value is certain, with fewer its confidence is their part of it
    """

    field: ClassVar[str] = "top_n"
    everybody: ClassVar[bool] = True
    daily: ClassVar[bool] = False

    measure: str
    count: int = 3
    least_share: Scaled = 0
    sure_events: int = 0

    def fault(self, value_type: "TagValueType") -> str:
        return ranked_fault(self.measure, self.count, self.least_share, self.sure_events, value_type)

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        return {MEASURE: question_of(compiler, f"{self.field}.{MEASURE}", self.measure)}

    def listed(self) -> frozenset[str] | None:
        return None

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        found = ranking.ranked(groups(answers, MEASURE), (), None)
        found = found.take(found.shares >= self.least_share)
        chosen = ranking.best(found, found.groups.numbers, self.count)
        return ranking.values(chosen, shape, self.sure_events)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ranking.remarks(ranking.ranked(groups(answers, MEASURE), (), None))


def ranked_fault(
    measure: str, count: int, least_share: int, sure_events: int, value_type: "TagValueType"
) -> str:
    """What every ranking must keep to."""
    if not measure.strip():
        return "measure: is empty"
    if value_type.base is not Kind.TEXT:
        return "measure: its values are texts"
    if not 1 <= count <= MAX_ELEMENTS_OF_A_RANKING:
        return f"count: is between 1 and {MAX_ELEMENTS_OF_A_RANKING}"
    if count > 1 and not value_type.multi_valued:
        return f"count: is {count}, but a person has one value of it: make the type multi_valued, or count 1"
    if not 0 <= least_share <= SCALE:
        return "least_share: is between 0 and 1"
    if sure_events < 0:
        return "sure_events: is at least 0"
    if sure_events and not value_type.weighted:
        return "sure_events: only a weighted list keeps a confidence for each person"
    return ""
