"""How a rule is answered: its parts in the order in which they run, with sizes and times."""

import time
from collections.abc import Sequence
from dataclasses import dataclass

from rules.evaluate.setting import Setting
from rules.printer import print_condition
from rules.tree import And, Condition, Not, Or

from segments.engine.algebra import Sets
from segments.engine.answers import counts
from segments.engine.columns import TagColumns
from segments.engine.conditions import Given, sets_of
from segments.engine.estimates import Estimates
from segments.engine.program import program_of
from segments.engine.sets import SetColumn
from segments.engine.threads import Cancellation, Threads


@dataclass(frozen=True, slots=True)
class Step:
    """One part of a rule.

    `estimated`  persons of the population that were expected, taking operands to be independent
    `persons`    those there are, by themselves: not only of whoever the parts before have left
    `bytes`      of what it points to: read at most, when nothing is skipped
    `ms`         of answering it by itself
    `steps`      the operands of AND and OR, in the order in which they run, or that of NOT
    """

    text: str
    estimated: int
    persons: int
    bytes: int
    ms: float
    steps: "tuple[Step, ...]" = ()


@dataclass(frozen=True)
class Explanations:
    """Of rules over one version of the index; `universe`: row 0 is the population."""

    columns: TagColumns
    universe: SetColumn
    setting: Setting
    threads: Threads
    given: Given

    def of(self, condition: Condition, cancellation: Cancellation | None = None) -> Step:
        """Answers every part once. Raises what `sets_of` raises, and Cancelled."""
        estimates = Estimates(self.universe)
        sets = sets_of(condition, self.columns, self.setting, self.given)
        program = program_of([sets], self.universe)
        started = time.perf_counter()
        (persons,) = counts(program, self.threads, cancellation)
        elapsed = time.perf_counter() - started
        return Step(
            text=print_condition(condition),
            estimated=round(estimates.of(sets).share * int(self.universe.cardinalities[0])),
            persons=persons,
            bytes=program.bytes,
            ms=elapsed * 1e3,
            steps=tuple(self.of(each, cancellation) for each in self._operands(condition, estimates)),
        )

    def _operands(self, condition: Condition, estimates: Estimates) -> Sequence[Condition]:
        match condition:
            case And() | Or():
                operands = {each: self._sets(each) for each in condition.operands}
                return sorted(
                    operands,
                    key=lambda each: estimates.rank(operands[each], narrowing=isinstance(condition, And)),
                )
            case Not():
                return (condition.operand,)
            case _:
                return ()

    def _sets(self, condition: Condition) -> Sets:
        return sets_of(condition, self.columns, self.setting, self.given)
