"""How a rule is answered by blocks: its parts in the order in which they run, with sizes and times."""

import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from rules.evaluate.setting import Setting
from rules.printer import print_condition
from rules.tree import And, Condition, Not, Or

from segments.domain.plan import Evaluator, Step, origin_of
from segments.engine import algebra
from segments.engine.algebra import InSet, Sets
from segments.engine.answers import counts, members
from segments.engine.columns import TagColumns
from segments.engine.conditions import Given, sets_of
from segments.engine.estimates import Estimates
from segments.engine.members import Members
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation, Threads


@dataclass(frozen=True)
class Explanations:
    """Of rules over one version of the index; `universe`: row 0 is the population. `asked`: features that are held for
    this one question. Costs a few times what the answer does."""

    columns: TagColumns
    universe: SetColumn
    setting: Setting
    threads: Threads
    given: Given
    asked: Collection[str] = ()
    cancellation: Cancellation | None = None
    _given: dict[Condition, tuple[SetColumn | None, int]] = field(default_factory=dict)

    @cached_property
    def _everyone(self) -> Members:
        return self._find(algebra.Everyone(), self.universe)

    @property
    def blocks(self) -> int:
        """Those in which anybody of the population is."""
        return _blocks(self._everyone)

    def of(self, condition: Condition) -> Step:
        """Answers every part twice: by itself, and among whoever the parts before have left. Raises what `sets_of`
        raises, and Cancelled."""
        return self._step(condition, self._everyone, Estimates(self.universe))[0]

    def _step(self, condition: Condition, among: Members, estimates: Estimates) -> tuple[Step, Members]:
        """With who of `among` satisfies it."""
        sets = self._sets(condition)
        started = time.perf_counter_ns()
        steps, found = self._parts(condition, sets, among, estimates)
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        program = program_of([sets], self.universe)
        one_by_one = condition in self._given
        step = Step(
            text=print_condition(condition),
            origin=origin_of(condition, self.asked),
            evaluator=Evaluator.PERSON_BY_PERSON if one_by_one else Evaluator.BLOCK_ENGINE,
            estimated=round(estimates.of(sets).share * int(self.universe.cardinalities[0])),
            persons=counts(program, self.threads, self.cancellation)[0],
            left=len(found),
            bytes=program.bytes,
            elapsed_us=sum(each.elapsed_us for each in steps)
            if steps
            else elapsed_us + self._us_of(condition),
            skipped_blocks=self.blocks - _blocks(among),
            steps=steps,
        )
        return step, found

    def _parts(
        self, condition: Condition, sets: Sets, among: Members, estimates: Estimates
    ) -> tuple[tuple[Step, ...], Members]:
        match condition:
            case And():
                steps = []
                for each in self._ordered(condition, estimates):
                    step, among = self._step(each, among, estimates)
                    steps.append(step)
                return tuple(steps), among
            case Or():
                steps, rest = [], among
                for each in self._ordered(condition, estimates):
                    step, found = self._step(each, rest, estimates)
                    steps.append(step)
                    rest = self._without(rest, found)
                return tuple(steps), self._without(among, rest)
            case Not():
                step, found = self._step(condition.operand, among, estimates)
                return (step,), self._without(among, found)
            case _:
                return (), self._find(sets, among.column())

    def _ordered(self, condition: And | Or, estimates: Estimates) -> Sequence[Condition]:
        """As programs run them."""
        operands = {each: self._sets(each) for each in condition.operands}
        narrowing = isinstance(condition, And)
        return sorted(operands, key=lambda each: estimates.rank(operands[each], narrowing=narrowing))

    def _sets(self, condition: Condition) -> Sets:
        return sets_of(condition, self.columns, self.setting, self._once_given)

    def _once_given(self, leaf: Condition) -> SetColumn | None:
        if leaf not in self._given:
            started = time.perf_counter_ns()
            found = self.given(leaf)
            self._given[leaf] = found, (time.perf_counter_ns() - started) // 1_000
        return self._given[leaf][0]

    def _us_of(self, leaf: Condition) -> int:
        """What it took to compute it for each person, where that is how it is answered."""
        return self._given.get(leaf, (None, 0))[1]

    def _without(self, persons: Members, others: Members) -> Members:
        return self._find(algebra.Not(InSet(others.column(), 0)), persons.column())

    def _find(self, sets: Sets, among: SetColumn) -> Members:
        (found,) = members(program_of([sets], among), self.threads, self.cancellation)
        return found


def _blocks(persons: Members) -> int:
    return int((persons.cardinalities > 0).sum())
