"""Funnels, retention and paths of sets of persons."""

import datetime as dt
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from pyroaring import BitMap
from rules.evaluate.events.columns import Ints
from rules.tree import Unit
from servicekit.revision import Revision
from tagging.app.behaviour.histories import Filter, GivenUp, Histories, ReadHistories, Wish
from tagging.domain.behaviour.engine import BehaviourEngine, BehaviourEngines
from tagging.domain.behaviour.funnel import Funnel, persons_by_step
from tagging.domain.behaviour.paths import START, STEP, Node, Walking, along, tree
from tagging.domain.behaviour.retention import (
    FIRST,
    NO_COHORT,
    RETURN,
    Matrix,
    Retention,
    came_back,
    period_days,
)
from tagging.domain.behaviour.tracks import Track, portions
from tagging.domain.columns import microseconds
from tagging.domain.definition import Grade
from tagging.store.ports import PersonIds

BEGINNING_US = -(2**62)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asking:
    """Who asks, of whom: `sets` of person ids, of which the first is the audience; of the others those count who are in
    it, too. `stops`: whether nobody waits for the answer any more."""

    tenant: str
    as_of: dt.datetime | None
    grades: Collection[Grade]
    sets: Sequence[BitMap]
    stops: Callable[[], bool]

    def wish(self, filters: Sequence[Filter], *, whole: bool) -> Wish:
        return Wish(self.tenant, filters, self.as_of, self.grades, self.sets[0], whole, self.stops)


@dataclass(frozen=True, slots=True)
class Basis:
    """What an answer rests on: `persons` of each set who were counted, that is live and do not object to profiling."""

    as_of: dt.datetime
    revision: Revision
    persons: list[int]
    event_count: int
    warnings: tuple[str, ...]
    purposes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """Moments from the first up to but without the second; None is open."""

    start: dt.datetime | None
    end: dt.datetime | None

    def bounds_us(self, as_of: dt.datetime) -> tuple[int, int]:
        start = BEGINNING_US if self.start is None else microseconds(self.start)
        end = microseconds(as_of) + 1
        return start, end if self.end is None else min(end, microseconds(self.end))


# ------------------------------------------------------------------------------------------------ funnels


@dataclass(frozen=True, slots=True)
class FunnelQuestion:
    """`steps`: event types with their WHERE."""

    steps: tuple[str, ...]
    within: dt.timedelta
    strict: bool
    first: Stretch

    def filters(self) -> list[Filter]:
        return [Filter(f"steps[{step}]", text, step) for step, text in enumerate(self.steps)]


@dataclass(frozen=True, slots=True)
class LastStep:
    """Those of the audience whose last step lies between these, both included; 0 is no step."""

    least: int
    most: int


@dataclass(frozen=True, slots=True)
class FunnelAnswer:
    """`reached`: by set, persons by step; `members`: ids, ascending."""

    basis: Basis
    reached: list[list[int]]
    members: PersonIds | None


class AnalyzeFunnel:
    """The use case of AnalyzeFunnel."""

    def __init__(self, read: ReadHistories, engines: BehaviourEngines) -> None:
        self._read = read
        self._engines = engines

    def __call__(self, asking: Asking, question: FunnelQuestion, members: LastStep | None) -> FunnelAnswer:
        """Blocks. Raises RuleInvalid, RightMissing, GivenUp."""
        histories = self._read(asking.wish(question.filters(), whole=question.strict))
        engine = self._engines.of(histories.event_count, asking.stops)
        asked = Funnel(
            len(question.steps),
            question.within // dt.timedelta(microseconds=1),
            question.strict,
            *question.first.bounds_us(histories.as_of),
        )
        last = np.zeros(len(histories.persons), np.int8)
        for low, high, tracks in _portions(histories, asking, engine):
            last[low:high] = engine.reached(tracks, asked, high - low)
        reached, basis = _of_sets(
            histories, asking, question.first.start, lambda slots: persons_by_step(last[slots], asked.steps)
        )
        chosen = None
        if members is not None:
            audience = histories.slots_of(asking.sets[0])
            here = (last[audience] >= members.least) & (last[audience] <= members.most)
            chosen = histories.persons[audience[here]]
        return FunnelAnswer(basis, reached, chosen)


# ----------------------------------------------------------------------------------------------- retention


@dataclass(frozen=True, slots=True)
class RetentionQuestion:
    """`first`, `returning`: event types with their WHERE; the first cohort is the period that `start` lies in."""

    first: str
    returning: str
    unit: Unit
    start: dt.date
    cohorts: int
    periods: int

    def filters(self) -> list[Filter]:
        return [Filter("first", self.first, FIRST), Filter("returning", self.returning, RETURN)]


@dataclass(frozen=True, slots=True)
class CohortPart:
    """Those of a cohort who come back in a period, or `away`: who do not; of no period: the whole cohort."""

    cohort: int
    period: int | None
    away: bool


@dataclass(frozen=True, slots=True)
class RetentionAnswer:
    """`starts`: the first days of the periods, of which the first `cohorts` are cohorts, and at last the day after.
    `matrices` by set. `begun`, `over`: by cohort, how many of its periods have begun, and are over."""

    basis: Basis
    starts: list[dt.date]
    matrices: list[Matrix]
    begun: list[int]
    over: list[int]
    members: PersonIds | None


class AnalyzeRetention:
    """The use case of AnalyzeRetention."""

    def __init__(self, read: ReadHistories, engines: BehaviourEngines) -> None:
        self._read = read
        self._engines = engines

    def __call__(
        self, asking: Asking, question: RetentionQuestion, members: CohortPart | None
    ) -> RetentionAnswer:
        """Blocks. Raises RuleInvalid, RightMissing, GivenUp."""
        histories = self._read(asking.wish(question.filters(), whole=False))
        engine = self._engines.of(histories.event_count, asking.stops)
        calendar = histories.calendar
        starts = period_days(question.start, question.unit, question.cohorts + question.periods - 1, calendar)
        edges = tuple(microseconds(calendar.midnight(each)) for each in starts)
        asked = Retention(edges, question.cohorts, question.periods)
        cohorts = np.full(len(histories.persons), NO_COHORT, np.int16)
        masks = np.zeros(len(histories.persons), np.uint64)
        for low, high, tracks in _portions(histories, asking, engine):
            cohorts[low:high], masks[low:high] = engine.returns(tracks, asked, high - low)
        matrices, basis = _of_sets(
            histories,
            asking,
            calendar.midnight(starts[0]),
            lambda slots: engine.matrix(cohorts[slots], masks[slots], asked),
        )
        chosen = None
        if members is not None:
            audience = histories.slots_of(asking.sets[0])
            wanted = cohorts[audience] == members.cohort
            if members.period is not None:
                wanted &= came_back(masks[audience], members.period) != members.away
            chosen = histories.persons[audience[wanted]]
        now = microseconds(histories.as_of)
        passed = np.asarray(edges) <= now
        begun = [int(passed[each : each + asked.periods].sum()) for each in range(asked.cohorts)]
        over = [int(passed[each + 1 : each + 1 + asked.periods].sum()) for each in range(asked.cohorts)]
        return RetentionAnswer(basis, starts, matrices, begun, over, chosen)


# --------------------------------------------------------------------------------------------------- paths


@dataclass(frozen=True, slots=True)
class PathQuestion:
    """`start`, `steps`: event types with their WHERE."""

    start: str
    steps: tuple[str, ...]
    backwards: bool
    depth: int
    top: int
    within: dt.timedelta
    collapse: bool
    starts: Stretch

    def filters(self) -> list[Filter]:
        steps = [Filter(f"steps[{place}]", text, STEP) for place, text in enumerate(self.steps)]
        return [Filter("start", self.start, START), *steps]


@dataclass(frozen=True, slots=True)
class PathPart:
    """Those whose walk begins with these types, or `ended`: has no step more."""

    path: tuple[str, ...]
    ended: bool


@dataclass(frozen=True, slots=True)
class PathAnswer:
    """`started`: who has a walk. Nodes as `tree` has them, tracks being places in `types`."""

    basis: Basis
    started: int
    types: tuple[str, ...]
    nodes: list[Node]
    members: PersonIds | None


class AnalyzePaths:
    """The use case of AnalyzePaths."""

    def __init__(self, read: ReadHistories, engines: BehaviourEngines) -> None:
        self._read = read
        self._engines = engines

    def __call__(self, asking: Asking, question: PathQuestion, members: PathPart | None) -> PathAnswer:
        """Blocks. Raises RuleInvalid, RightMissing, GivenUp."""
        histories = self._read(asking.wish(question.filters(), whole=False))
        engine = self._engines.of(histories.event_count, asking.stops)
        asked = Walking(
            question.depth,
            question.within // dt.timedelta(microseconds=1),
            question.backwards,
            question.collapse,
            *question.starts.bounds_us(histories.as_of),
        )
        who, found = [np.zeros(0, np.int64)], [np.zeros((0, asked.depth), np.int16)]
        for low, high, tracks in _portions(histories, asking, engine):
            slots, walks = engine.walks(tracks, asked, high - low)
            who.append(slots + low)
            found.append(walks)
        rows = np.concatenate(found)
        chosen = None
        if members is not None:
            numbers = [
                histories.types.index(each) if each in histories.types else -2 for each in members.path
            ]
            chosen = histories.persons[np.concatenate(who)[along(rows, numbers, members.ended)]]
        _, basis = _of_sets(histories, asking, question.starts.start, len)
        return PathAnswer(basis, len(rows), histories.types, tree(rows, question.top), chosen)


def _portions(
    histories: Histories, asking: Asking, engine: BehaviourEngine
) -> Iterator[tuple[int, int, list[Track]]]:
    most = histories.event_count if engine.at_once is None else engine.at_once
    for part in portions(histories.tracks, len(histories.persons), most):
        if asking.stops():
            raise GivenUp
        yield part


def _of_sets(
    histories: Histories, asking: Asking, begin: dt.datetime | None, answer: Callable[[Ints], T]
) -> tuple[list[T], Basis]:
    """What `answer` says of the slots of each set, of which one is held at a time. `begin`: of what is looked at, None
    for ever."""
    answers: list[T] = []
    counts: list[int] = []
    for each in asking.sets:
        if asking.stops():
            raise GivenUp
        slots = histories.slots_of(each)
        counts.append(len(slots))
        answers.append(answer(slots))
    return answers, Basis(
        histories.as_of,
        histories.revision,
        counts,
        histories.event_count,
        (*histories.warnings, *_ahead(begin, histories)),
        histories.purposes,
    )


def _ahead(begin: dt.datetime | None, histories: Histories) -> tuple[str, ...]:
    if begin is None or begin <= histories.as_of:
        return ()
    moment = histories.calendar.local(begin).isoformat(timespec="minutes")
    return (f"what is asked about lies ahead: it begins at {moment}, and nothing has happened in it yet",)
