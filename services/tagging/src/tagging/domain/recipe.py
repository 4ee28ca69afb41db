"""From a definition to what evaluators are asked and how their answers become the value.

Every kind of tag is a set of questions (expressions and conditions of the rule language) and a decision over
their answers, made for many persons at once. The stream asks the one-person evaluator, runs ask tables; the
decision is the same code, so stream and batch can only differ where the evaluators do, and they are proven
equal.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from rules.evaluate.meaning import Value

from . import lifecycle, rfm
from .ageing import Trigger
from .columns import Bools, Ints, Shape, Vector
from .cuts import Cuts, RfmCuts
from .definition import (
    AttributeKind,
    Default,
    LayeredRuleKind,
    LifecycleKind,
    NullPolicy,
    RfmKind,
    RfmResult,
    StatisticKind,
    TagKind,
    Unknown,
)
from .kinds.kind import Answer, Question, truths, vector
from .lifecycle import Histories
from .moment import Moment
from .weighted import WeightedTexts

SEEN = "seen"
"""The answer that no question asks for: the time of the person's latest event of any type."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one column is computed.

    questions  by name; their answers are vectors of the shapes in `shapes`, those of grouped ones are groups
    everybody  whether anonymous persons have values too, or only known ones
    daily      whether a value may change at the tenant's midnight
    listed     the texts allowed in a closed list; others are unknown
    unknown    what stands where the decision gives no value
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
    unknown: NullPolicy = Unknown.STAYS
    warnings: tuple[str, ...] = field(default=(), compare=False)

    @property
    def asks_for_latest(self) -> bool:
        """Whether the decision needs the answer SEEN beside those to its questions."""
        return isinstance(self.kind, LifecycleKind)

    @property
    def has_cuts(self) -> bool:
        """Whether publishing runs freeze something of the population for it."""
        match self.kind:
            case RfmKind():
                return True
            case AttributeKind() | StatisticKind() | LayeredRuleKind() | LifecycleKind():
                return False
        return self.kind.has_cuts

    @property
    def keeps(self) -> bool:
        """Whether the decision needs the values that are stored."""
        return self.unknown is Unknown.KEEPS

    def decide(
        self,
        answers: Mapping[str, Answer],
        known: Bools,
        moment: Moment,
        cuts: Cuts | None,
        stored: Vector | None = None,
    ) -> Vector:
        """The value of each person from the answers; `known`: who is a known person, not an anonymous one. `stored`:
        what is known so far, of a column that keeps it."""
        found = self._decided(answers, moment, cuts)
        may = np.ones(len(known), np.bool_) if self.everybody else known
        found = Vector(found.known & may, found.data)
        if self.listed is not None and not self._gives_listed:
            found = _restricted(found, self.listed, self.shape)
        if stored is not None and self.keeps:
            return _filled(found, ~found.known & stored.known & may, stored.data)
        if isinstance(self.unknown, Default):
            default = Vector.of([self.unknown.value], self.shape)
            lacking = ~found.known & may
            return _filled(found, lacking, default.data[np.zeros(len(lacking), np.int64)])
        return found

    @property
    def _gives_listed(self) -> bool:
        """Whether the decision gives no text but those listed."""
        match self.kind:
            case RfmKind(result=RfmResult.CLASS):
                return self.listed == frozenset(rfm.CLASSES)
            case LifecycleKind():
                return self.listed == frozenset(lifecycle.STAGES)
        return False

    def _decided(self, answers: Mapping[str, Answer], moment: Moment, cuts: Cuts | None) -> Vector:
        match self.kind:
            case AttributeKind() | StatisticKind():
                return vector(answers, "value")
            case LayeredRuleKind() as layered:
                return _first_layer(layered, answers, self.shape)
            case RfmKind() as kind:
                return _rfm_result(kind, answers, cuts, self.shape)
            case LifecycleKind() as kind:
                return _stage(kind, answers, moment)
        return self.kind.decide(answers, self.shape, moment, cuts)

    def remarks(self, answers: Mapping[str, Answer], cuts: Cuts | None) -> tuple[str, ...]:
        """What lies between the answers and the value of the first person, in sentences for people."""
        match self.kind:
            case RfmKind() as kind:
                return rfm.remarks(kind, cuts) if isinstance(cuts, RfmCuts) else (rfm.NO_CUTS,)
            case AttributeKind() | StatisticKind() | LayeredRuleKind() | LifecycleKind():
                return ()
        return self.kind.remarks(answers, cuts)

    def freeze(self, answers: Mapping[str, Answer], known: Bools) -> Cuts | None:
        """The cuts of a whole population; None when it is empty. Of a recipe that has any."""
        match self.kind:
            case RfmKind() as kind:
                has = np.flatnonzero(_rfm_population(answers) & known)
                return rfm.freeze(kind, *_measures(answers, has))
            case AttributeKind() | StatisticKind() | LayeredRuleKind() | LifecycleKind():
                raise AssertionError("a kind without cuts freezes nothing")
        return self.kind.freeze(answers, known)


def _filled(found: Vector, lacking: Bools, data: npt.NDArray[np.object_] | npt.NDArray[np.int64]) -> Vector:
    merged = found.data.copy()
    merged[lacking] = data[lacking]
    return Vector(found.known | lacking, merged)


def _restricted(found: Vector, listed: frozenset[str], shape: Shape) -> Vector:
    """Without the texts that the list does not have; a list without any left is unknown."""
    places = np.flatnonzero(found.known)
    said = found.data[places].tolist()
    if not shape.multi_valued:
        staying = np.array([each in listed for each in said], np.bool_)
        known = np.zeros(len(found.known), np.bool_)
        known[places[staying]] = True
        return Vector(known, found.data)
    kept = Vector.of([_listed(each, listed) for each in said], shape)
    whole = Vector.unknown(len(found.known), shape)
    whole.known[places], whole.data[places] = kept.known, kept.data
    return whole


def _listed(texts: tuple[str, ...], listed: frozenset[str]) -> tuple[str, ...]:
    if listed.issuperset(texts):
        return texts
    return (
        texts.only(listed) if isinstance(texts, WeightedTexts) else tuple(filter(listed.__contains__, texts))
    )


def _measures(answers: Mapping[str, Answer], places: Ints) -> tuple[Ints, Ints, Ints]:
    recency, frequency, monetary = (
        vector(answers, name).data[places].astype(np.int64, copy=False) for name in rfm.MEASURES
    )
    return recency, frequency, monetary


def _first_layer(layered: LayeredRuleKind, answers: Mapping[str, Answer], shape: Shape) -> Vector:
    """The value of the first layer that holds, else the value for none."""
    outcomes: list[Value | None] = [each.then for each in layered.layers]
    outcomes.append(layered.otherwise)
    holding = [truths(answers, f"layer{index}") for index in range(len(layered.layers))]
    chosen = np.select(holding, range(len(holding)), len(holding))
    pool = Vector.of(outcomes, shape)
    return Vector(pool.known[chosen], pool.data[chosen])


def _rfm_population(answers: Mapping[str, Answer]) -> Bools:
    """Who is asked and has all three measures."""
    found = truths(answers, "population")
    for name in rfm.MEASURES:
        found = found & vector(answers, name).known
    return found


def _rfm_result(kind: RfmKind, answers: Mapping[str, Answer], cuts: Cuts | None, shape: Shape) -> Vector:
    """Before the first run has frozen cuts nobody has a class or a score."""
    has = _rfm_population(answers)
    if not isinstance(cuts, RfmCuts):
        return Vector.unknown(len(has), shape)
    places = np.flatnonzero(has)
    found = Vector.unknown(len(has), shape).data
    found[places] = rfm.results(kind, cuts, *_measures(answers, places))
    return Vector(has, found)


def _stage(kind: LifecycleKind, answers: Mapping[str, Answer], moment: Moment) -> Vector:
    first, last, latest = (vector(answers, name) for name in ("first", "last", SEEN))
    facts = Histories(
        bought=first.known,
        first=first.data,
        last=last.data,
        year_count=vector(answers, "year_count").data,
        seen=latest.known,
        latest=latest.data,
    )
    today = moment.calendar.day_of(moment.as_of)
    since = lifecycle.thresholds(kind, [today], moment.calendar)
    return Vector(np.ones(len(first.known), np.bool_), lifecycle.stages(kind, facts, since))
