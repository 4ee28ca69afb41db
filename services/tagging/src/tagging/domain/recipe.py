"""From a definition to what evaluators are asked and how their answers become the value.

Every kind of tag is a set of questions (expressions and conditions of the rule language) and a decision over
their answers, made for many persons at once. The stream asks the one-person evaluator, runs ask tables; the
decision is the same code, so stream and batch can only differ where the evaluators do, and they are proven
equal.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Value
from rules.tree import Condition, Expression
from rules.windows import CalendarSettings

from . import lifecycle, rfm
from .ageing import Trigger
from .columns import Bools, Shape, Vector
from .definition import LayeredRuleKind, LifecycleKind, RfmKind, TagKind
from .lifecycle import Histories

Question: TypeAlias = Expression | Condition
RFM_MEASURES = ("recency", "frequency", "monetary")
SEEN = "seen"
"""The answer that no question asks for: the time of the person's latest event of any type."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When values are asked for: `as_of` and the tenant's calendar."""

    as_of: dt.datetime
    calendar: CalendarSettings


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one column is computed.

    questions  by name; their answers are vectors of the shapes in `shapes`
    everybody  whether anonymous persons have values too, or only known ones
    daily      whether a value may change at the tenant's midnight
    listed     the texts allowed in a closed list; others are unknown
    """

    column: str
    shape: Shape
    kind: TagKind
    questions: Mapping[str, Question]
    shapes: Mapping[str, Shape]
    everybody: bool
    stream: bool
    tags: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    tables: frozenset[str] = frozenset()
    daily: bool = False
    triggers: tuple[Trigger, ...] = ()
    listed: frozenset[str] | None = None
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def asks_for_latest(self) -> bool:
        """Whether the decision needs the answer SEEN beside those to its questions."""
        return isinstance(self.kind, LifecycleKind)

    @property
    def has_cuts(self) -> bool:
        return isinstance(self.kind, RfmKind)

    def decide(
        self, answers: Mapping[str, Vector], known: Bools, moment: Moment, cuts: rfm.Cuts | None
    ) -> Vector:
        """The value of each person from the answers; `known`: who is a known person, not an anonymous one."""
        match self.kind:
            case LayeredRuleKind() as layered:
                found = _first_layer(layered, answers, self.shape)
            case RfmKind():
                found = _rfm_class(answers, cuts)
            case LifecycleKind() as kind:
                found = _stage(kind, answers, moment)
            case _:
                found = answers["value"]
        has = found.known if self.everybody else found.known & known
        if self.listed is not None and not self.shape.multi_valued:
            has = has & np.array([each in self.listed for each in found.data.tolist()], np.bool_)
        return Vector(has, found.data)

    def freeze(self, answers: Mapping[str, Vector], known: Bools) -> rfm.Cuts | None:
        """The cuts of an RFM tag over a whole population."""
        assert isinstance(self.kind, RfmKind)
        has = _rfm_population(answers) & known
        recency, frequency, monetary = (answers[name].data[has].astype(np.int64) for name in RFM_MEASURES)
        return rfm.freeze(self.kind, recency, frequency, monetary)


def _first_layer(layered: LayeredRuleKind, answers: Mapping[str, Vector], shape: Shape) -> Vector:
    """The value of the first layer that holds, else the value for none."""
    outcomes: list[Value | None] = [each.then for each in layered.layers]
    outcomes.append(layered.otherwise)
    holding = [answers[f"layer{index}"].data.astype(np.bool_) for index in range(len(layered.layers))]
    chosen = np.select(holding, range(len(holding)), len(holding))
    pool = Vector.of(outcomes, shape)
    return Vector(pool.known[chosen], pool.data[chosen])


def _rfm_population(answers: Mapping[str, Vector]) -> Bools:
    """Who is asked and has all three measures."""
    found = answers["population"].data.astype(np.bool_)
    for name in RFM_MEASURES:
        found = found & answers[name].known
    return found


def _rfm_class(answers: Mapping[str, Vector], cuts: rfm.Cuts | None) -> Vector:
    """Before the first run has frozen cuts nobody has a class."""
    has = _rfm_population(answers)
    found: npt.NDArray[np.object_] = np.full(len(has), "", object)
    if cuts is None:
        return Vector(np.zeros(len(has), np.bool_), found)
    recency, frequency, monetary = (answers[name].data[has].astype(np.int64) for name in RFM_MEASURES)
    found[has] = rfm.classify(cuts, recency, frequency, monetary)
    return Vector(has, found)


def _stage(kind: LifecycleKind, answers: Mapping[str, Vector], moment: Moment) -> Vector:
    count = len(answers["first"].known)
    facts = Histories(
        bought=answers["first"].known,
        first=answers["first"].data,
        last=answers["last"].data,
        year_count=answers["year_count"].data,
        seen=answers[SEEN].known,
        latest=answers[SEEN].data,
    )
    today = moment.calendar.day_of(moment.as_of)
    since = lifecycle.thresholds(kind, [today], moment.calendar)
    return Vector(np.ones(count, np.bool_), lifecycle.stages(kind, facts, since))
