"""Scene groups: every world that a person buys in, such as digital, mother and baby, fresh food, appliances."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rules.values import Kind
from tagging.domain.columns import Shape, Vector
from tagging.domain.cuts import Cuts
from tagging.domain.moment import Moment

from . import ranking
from .kind import Answer, Compiler, Question, Scaled, Uncut, groups
from .naming import NamedKeys, names_fault, question_of
from .top_n import MEASURE

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType


@dataclass(frozen=True, slots=True)
class SceneGroupKind(Uncut):
    """Each scene whose categories the person bought from: on at least `least_events` orders that add up to at least
    `least_number` in the measure. A category without a scene counts for the shares only. Known persons only."""

    field: ClassVar[str] = "scene_group"
    everybody: ClassVar[bool] = False
    daily: ClassVar[bool] = False

    scenes: tuple[NamedKeys, ...] = ()
    measure: str = "COUNT(order_paid BY items.category) IN LAST 365 DAYS"
    least_events: int = 1
    least_number: Scaled = 0

    def fault(self, value_type: "TagValueType") -> str:
        if not self.measure.strip():
            return "measure: is empty"
        if not self.scenes:
            return "scenes: are missing"
        if value_type.base is not Kind.TEXT or not value_type.multi_valued:
            return "scenes: its values are texts, and a person may have several: make the type multi_valued"
        if self.least_events < 1:
            return "least_events: is at least 1"
        return names_fault("scenes", self.scenes)

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        field = f"{self.field}.scenes"
        return {MEASURE: question_of(compiler, f"{self.field}.{MEASURE}", self.measure, field, self.scenes)}

    def listed(self) -> frozenset[str] | None:
        return frozenset(each.value for each in self.scenes)

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        found = ranking.ranked(groups(answers, MEASURE), self.scenes, None)
        kept = (found.groups.events >= self.least_events) & (found.groups.numbers >= self.least_number)
        found = found.take(kept)
        return ranking.values(found, shape, 0)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        return ranking.remarks(ranking.ranked(groups(answers, MEASURE), self.scenes, None))
