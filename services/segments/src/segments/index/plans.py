"""How rules are answered over one version of the index, by blocks or by bitmaps."""

import time
from collections.abc import Collection, Iterator, Sequence

from pyroaring import BitMap
from rules.check import Population
from rules.evaluate.bitmaps import RuleBitmaps, TagBitmaps, members, narrowed
from rules.evaluate.bitmaps.leaves import Leaves
from rules.evaluate.setting import Setting
from rules.printer import print_condition, print_step
from rules.tree import And, Condition, Constant, Limit, Not, Or, Sample
from servicekit.kernels.threads import Cancellation

from segments.domain.changes import BLOCK_BITS
from segments.domain.plan import Evaluator, Narrowing, Step, origin_of


def narrowings(found: BitMap, steps: Sequence[Limit | Sample], view: RuleBitmaps) -> Iterator[Narrowing]:
    """What each step leaves of those before it. Raises what rules.evaluate.bitmaps.narrowed raises."""
    for step in steps:
        started = time.perf_counter_ns()
        left = narrowed(found, (step,), view)
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        yield Narrowing(print_step(step), len(found), len(left), elapsed_us)
        found = left


class BitmapSteps:
    """The parts of conditions as the evaluator over bitmaps takes them: within AND whatever the index knows at once
    first, the smallest first, then the others among whom those have left. `asked`: features that are held for this one
    question."""

    def __init__(
        self,
        view: TagBitmaps,
        setting: Setting,
        population: Population,
        asked: Collection[str],
        cancellation: Cancellation | None = None,
    ) -> None:
        self._view, self._setting, self._population = view, setting, population
        self._cancellation = cancellation
        self._everyone = view.universe(population)
        self._leaves = Leaves(view, setting, self._everyone)
        self._asked = asked
        self.blocks = _blocks(self._everyone)

    def of(self, condition: Condition) -> Step:
        """Raises what rules.evaluate.bitmaps.members raises, and Cancelled."""
        return self._step(condition, self._everyone)[0]

    def _step(self, condition: Condition, among: BitMap) -> tuple[Step, BitMap]:
        if self._cancellation is not None:
            self._cancellation.check()
        started = time.perf_counter_ns()
        steps, found = self._parts(condition, among)
        elapsed_us = (time.perf_counter_ns() - started) // 1_000
        by_itself = found
        if among is not self._everyone:
            by_itself = members(condition, self._view, self._setting, self._population)
        step = Step(
            text=print_condition(condition),
            origin=origin_of(condition, self._asked),
            evaluator=Evaluator.BITMAPS,
            estimated=None,
            persons=len(by_itself),
            left=len(found),
            bytes=None,
            elapsed_us=sum(each.elapsed_us for each in steps) if steps else elapsed_us,
            skipped_blocks=self.blocks - _blocks(among),
            steps=steps,
        )
        return step, found

    def _parts(self, condition: Condition, among: BitMap) -> tuple[tuple[Step, ...], BitMap]:
        match condition:
            case And():
                steps = []
                for each in self._ordered(condition.operands):
                    step, among = self._step(each, among)
                    steps.append(step)
                return tuple(steps), among
            case Or():
                answered = [self._step(each, among) for each in condition.operands]
                return tuple(step for step, _ in answered), BitMap().union(*(found for _, found in answered))
            case Not():
                step, found = self._step(condition.operand, among)
                return (step,), among - found
            case Constant():
                return (), among if condition.value else BitMap()
            case _:
                return (), self._leaf(condition, among)

    def _leaf(self, condition: Condition, among: BitMap) -> BitMap:
        return self._leaves.members(condition, among)

    def _ordered(self, operands: Sequence[Condition]) -> list[Condition]:
        quick = [each for each in operands if self._leaves.is_quick(each)]
        sizes = {each: len(self._leaf(each, self._everyone)) for each in quick}
        return [
            *sorted(quick, key=sizes.__getitem__),
            *(each for each in operands if not self._leaves.is_quick(each)),
        ]


def _blocks(persons: BitMap) -> int:
    """How many hold anybody of them."""
    found, person = 0, 0
    while persons and person <= persons.max():
        person = persons.next_set_bit(person)
        found, person = found + 1, ((person >> BLOCK_BITS) + 1) << BLOCK_BITS
    return found
