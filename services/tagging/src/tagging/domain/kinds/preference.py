"""Preferences: what a person turns to, often enough and more than others do.

"likes beauty":              measure COUNT(view_item BY category DECAY 30 DAYS), least_events 5, least_tgi 120
"browses in the evening":    measure COUNT(view_item BY hour), names evening from 18 to 24, least_share 0.4
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from tagging.domain.columns import Bools, Shape, Vector
from tagging.domain.cuts import Baseline, Cuts
from tagging.domain.moment import Moment

from . import ranking
from .kind import Answer, Compiler, Question, Scaled, groups
from .naming import NamedKeys, names_fault, question_of
from .top_n import MEASURE, ranked_fault

if TYPE_CHECKING:
    from tagging.domain.definition import TagValueType


class PreferenceOrder(Enum):
    """What ranks: the number (and so the share), or the index against the population."""

    SHARE = "share"
    TGI = "tgi"


@dataclass(frozen=True, slots=True)
class PreferenceKind:
    """The `count` values that rank first, of those that at least `least_events` events rest on, with at least
    `least_share` of the person's total and a TGI of at least `least_tgi`.

    names        values for several keys or stretches of numbers; keys without a name are left out; without any
                 names every key is a value
    least_tgi    0: the population does not matter. Otherwise, or when TGI ranks, nobody has a value before the first
                 run has frozen the population's shares, and a value that the population did not have then is nobody's

    Known persons only.
    """

    field: ClassVar[str] = "preference"
    everybody: ClassVar[bool] = False
    daily: ClassVar[bool] = False

    measure: str
    count: int = 3
    least_events: int = 1
    least_share: Scaled = 0
    least_tgi: Scaled = 0
    order: PreferenceOrder = PreferenceOrder.SHARE
    names: tuple[NamedKeys, ...] = ()
    sure_events: int = 0

    def fault(self, value_type: "TagValueType") -> str:
        if fault := ranked_fault(self.measure, self.count, self.least_share, self.sure_events, value_type):
            return fault
        if self.least_events < 1:
            return "least_events: is at least 1"
        if self.least_tgi < 0:
            return "least_tgi: is at least 0; 100 is what the population has"
        return names_fault("names", self.names)

    def questions(self, compiler: Compiler) -> dict[str, Question]:
        field = f"{self.field}.names"
        return {MEASURE: question_of(compiler, f"{self.field}.{MEASURE}", self.measure, field, self.names)}

    def listed(self) -> frozenset[str] | None:
        return frozenset(each.value for each in self.names) if self.names else None

    @property
    def has_cuts(self) -> bool:
        return self.least_tgi > 0 or self.order is PreferenceOrder.TGI

    def freeze(self, answers: Mapping[str, Answer], known: Bools) -> Cuts | None:
        return ranking.frozen(groups(answers, MEASURE), self.names, known)

    def decide(
        self, answers: Mapping[str, Answer], shape: Shape, moment: Moment, cuts: Cuts | None
    ) -> Vector:
        baseline = cuts if isinstance(cuts, Baseline) else None
        found = ranking.ranked(groups(answers, MEASURE), self.names, baseline)
        kept = (found.groups.events >= self.least_events) & (found.shares >= self.least_share)
        if self.has_cuts:
            kept = kept & (found.indices >= max(self.least_tgi, 0)) & (found.indices != ranking.NO_INDEX)
        found = found.take(np.asarray(kept, np.bool_))
        ranks = found.indices if self.order is PreferenceOrder.TGI else found.groups.numbers
        return ranking.values(ranking.best(found, ranks, self.count), shape, self.sure_events)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        baseline = cuts if isinstance(cuts, Baseline) else None
        return ranking.remarks(ranking.ranked(groups(answers, MEASURE), self.names, baseline))
