"""Persons like those of a seed: learned, evaluated by persons held out, and only then found."""

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np
import numpy.typing as npt
from pyroaring import BitMap
from segments.app.insight.audiences import Audience, Audiences, Persons, Resolving, as_told
from segments.app.insight.basis import Basis, Caller, basis_of
from segments.app.insight.desk import Desk
from segments.app.insight.learning import Learnt, Model, People, learnt_from, scores_of
from segments.app.insight.readable_tags import require_readable
from segments.domain.insight.lookalike.draws import draws
from segments.domain.insight.lookalike.encoding import Feature
from segments.domain.insight.lookalike.evaluation import Evaluation
from segments.errors import EvaluationUnseen, SeedTooSmall
from segments.store.insight_ports import TagColumns

FEWEST_PERSONS = 100
MAX_WEIGHTS = 50
SCORED_AT_ONCE = 1_000_000
Told = Callable[[int, int], None]
"""Hears how many of how many candidates are scored; may raise, to stop."""
_GUESSING, _TOO_GOOD, _FEW_HELD_OUT = 0.6, 0.97, 100


@dataclass(frozen=True, slots=True)
class LookalikeQuestion:
    """Whom to find. `chance` decides what chance decides."""

    seed: Audience
    among: Audience
    exclusions: tuple[Audience, ...]
    tag_ids: tuple[str, ...]
    model: Model
    chance: int


@dataclass(frozen=True, slots=True)
class Quality:
    """How well the model finds persons that it never saw, and what to beware of."""

    evaluation: Evaluation
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evaluated:
    """`candidates`: how many may be found, 0 when that would tell of few persons; `weights`: what weighs most, by size
    of the weight."""

    seed: Persons
    candidates: int
    quality: Quality
    weights: tuple[tuple[Feature, float], ...]
    token: str
    basis: Basis


@dataclass(frozen=True, slots=True)
class Expanded:
    """`person_ids` ascending; `lowest` the lowest score among them, NaN when there are none."""

    person_ids: npt.NDArray[np.uint32]
    lowest: float
    quality: Quality
    basis: Basis


@dataclass(frozen=True, slots=True)
class _Work:
    """`is_withheld`: no number of persons is told."""

    seed: Persons
    audiences: tuple[Persons, ...]
    candidates: BitMap
    learnt: Learnt
    quality: Quality
    is_withheld: bool


class Lookalike:
    """The use cases of LookalikeService. `now` is the suite's time."""

    def __init__(
        self, desk: Desk, audiences: Audiences, columns: TagColumns, now: Callable[[], dt.datetime]
    ) -> None:
        self._desk = desk
        self._audiences = audiences
        self._columns = columns
        self._now = now

    async def evaluate(self, tenant: str, question: LookalikeQuestion, caller: Caller) -> Evaluated:
        """Raises SeedTooSmall, ResourceNotFound, TagNotReadable, and what resolving audiences raises."""
        resolving = await self._prepare(tenant, question, caller)

        def compute() -> Evaluated:
            started = time.perf_counter_ns()
            work = self._learn(resolving, question, caller)
            return Evaluated(
                seed=work.seed,
                candidates=0 if work.is_withheld else len(work.candidates),
                quality=work.quality,
                weights=() if work.is_withheld else _heaviest(work.learnt, caller.fewest),
                token=token_of(tenant, question),
                basis=self._basis(resolving, work, question, caller, started),
            )

        return await self._desk.compute(compute)

    async def expand(
        self,
        tenant: str,
        question: LookalikeQuestion,
        count: int,
        token: str,
        caller: Caller,
        told: Told = lambda *_: None,
    ) -> Expanded:
        """Raises EvaluationUnseen, what `evaluate` raises, and whatever `told` does."""
        self.require_seen(tenant, question, token)
        resolving = await self._prepare(tenant, question, caller)

        def compute() -> Expanded:
            started = time.perf_counter_ns()
            work = self._learn(resolving, question, caller)
            found, lowest = self._best(resolving, work, count, question.chance, told)
            return Expanded(
                person_ids=found,
                lowest=lowest,
                quality=work.quality,
                basis=self._basis(resolving, work, question, caller, started),
            )

        return await self._desk.compute(compute)

    def require_seen(self, tenant: str, question: LookalikeQuestion, token: str) -> None:
        """That the token is of an evaluation of this question. Raises EvaluationUnseen."""
        if token != token_of(tenant, question):
            raise EvaluationUnseen

    async def _prepare(self, tenant: str, question: LookalikeQuestion, caller: Caller) -> Resolving:
        asked = [question.seed, question.among, *question.exclusions]
        resolving = await self._audiences.prepare(tenant, asked, caller.may_read, self._now())
        require_readable(resolving.segments, question.tag_ids, caller.may_read)
        return resolving

    def _learn(self, resolving: Resolving, question: LookalikeQuestion, caller: Caller) -> _Work:
        asked = [question.seed, question.among, *question.exclusions]
        audiences = as_told([self._audiences.resolve(resolving, each) for each in asked], caller.fewest)
        seed, among, *excluded = audiences
        candidates = (among.members - seed.members).difference(*(each.members for each in excluded))
        for what, persons in (("seed", seed.members), ("others", candidates)):
            if len(persons) < FEWEST_PERSONS:
                raise SeedTooSmall(what, FEWEST_PERSONS)
        people = People(resolving.segments.index, self._columns)
        learnt = learnt_from(
            people, seed.members, candidates, question.tag_ids, question.model, question.chance
        )
        is_withheld = any(each.withheld for each in audiences)
        evaluation, warnings = learnt.evaluation, _warnings(learnt, seed, question.tag_ids)
        if is_withheld:
            evaluation = replace(evaluation, seed_persons=0, other_persons=0)
        return _Work(seed, audiences, candidates, learnt, Quality(evaluation, warnings), is_withheld)

    def _best(
        self, resolving: Resolving, work: _Work, count: int, chance: int, told: Told
    ) -> tuple[npt.NDArray[np.uint32], float]:
        """The persons of the highest scores; equals in order of their draws."""
        index = resolving.segments.index
        ids = np.asarray(work.candidates.to_array(), np.uint32)
        people = People(index, self._columns)
        parts = []
        for start in range(0, len(ids), SCORED_AT_ONCE):
            told(start, len(ids))
            parts.append(scores_of(people, work.learnt, ids[start : start + SCORED_AT_ONCE]))
        told(len(ids), len(ids))
        scores = np.concatenate(parts)
        if len(ids) > count:
            bar = np.partition(scores, len(scores) - count)[len(scores) - count]
            above, level = np.flatnonzero(scores > bar), np.flatnonzero(scores == bar)
            drawn = draws(index.birth_hashes(ids[level]), chance)
            order = np.lexsort((ids[level], drawn))
            kept = np.sort(np.concatenate([above, level[order[: count - len(above)]]]))
            ids, scores = ids[kept], scores[kept]
        return ids, float(scores.min())

    def _basis(
        self, resolving: Resolving, work: _Work, question: LookalikeQuestion, caller: Caller, started: int
    ) -> Basis:
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        return basis_of(resolving, work.audiences, question.tag_ids, caller, elapsed_us)


def token_of(tenant: str, question: LookalikeQuestion) -> str:
    """Names a question: equal for equal ones."""
    asked = [each.value if isinstance(each, Enum) else each for each in (tenant, question.model)]
    text = repr(
        (asked, question.seed, question.among, question.exclusions, question.tag_ids, question.chance)
    )
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _heaviest(learnt: Learnt, fewest: int) -> tuple[tuple[Feature, float], ...]:
    """Without those whose weight would tell of fewer persons than may be told of."""
    order = np.argsort(-np.abs(learnt.weights), kind="stable").tolist()
    told = [
        (learnt.features[place], float(learnt.weights[place]))
        for place in order
        if learnt.weights[place] != 0
        and not 0 < min(learnt.seed_counts[place], learnt.other_counts[place]) < fewest
    ]
    return tuple(told[:MAX_WEIGHTS])


def _warnings(learnt: Learnt, seed: Persons, tag_ids: Sequence[str]) -> tuple[str, ...]:
    told = []
    if learnt.evaluation.seed_persons < _FEW_HELD_OUT:
        number = "few" if seed.withheld else f"only {learnt.evaluation.seed_persons}"
        told.append(f"{number} persons of the seed were held out: the quality is rough")
    if learnt.evaluation.auc < _GUESSING:
        told.append("hardly better than guessing: these tags do not tell whom the seed is like")
    if learnt.evaluation.auc > _TOO_GOOD:
        told.append("nearly perfect: the tags may say again how the seed was chosen")
    chosen_by = sorted(seed.rule.tags & set(tag_ids)) if seed.rule is not None else []
    if chosen_by:
        told.append(
            f"the seed was chosen by {', '.join(chosen_by)}: leave it out, or the rule is found again"
        )
    if not learnt.converged:
        told.append("the solver did not end: weights are rough")
    return tuple(told)
