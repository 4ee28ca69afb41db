"""How many persons a set has about, and what it costs to read: for the order of operands, never for an answer."""

from dataclasses import dataclass, field

import numpy as np

from segments.engine.algebra import All, Any, Everyone, InRange, InSet, Nobody, Not, Sets
from segments.engine.containers import (
    BLOCK_SIZE,
    CARDINALITY_MASK,
    CARDINALITY_SHIFT,
    DENSE,
    KIND_MASK,
    RUN,
    SPARSE,
    SPARSE_MOST,
)
from segments.engine.numbers import WIDTH
from segments.engine.sets import SetColumn

_OTHER_COST = 0.05
_LINES_UNTIL_DECIDED = 10.0
"""Bits until none of 512 persons is equal to an end any more: their binary logarithm, and one."""
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """`share` of the population; `cost` in dense containers read per block."""

    share: float
    cost: float


@dataclass(slots=True)
class Estimates:
    """For one universe."""

    universe: SetColumn
    _known: dict[Sets, Estimate] = field(default_factory=dict)

    def of(self, sets: Sets) -> Estimate:
        """Operands are taken to be independent of each other."""
        found = self._known.get(sets)
        if found is None:
            found = self._known[sets] = self._of(sets)
        return found

    def _of(self, sets: Sets) -> Estimate:
        match sets:
            case Everyone():
                return Estimate(1.0, 0.0)
            case Nobody():
                return Estimate(0.0, 0.0)
            case InSet():
                return self._set(sets)
            case InRange():
                known = float(sets.column.knowns.cardinalities()[0])
                share = known / self._persons() * sets.column.share(sets.low, sets.high)
                slices = np.clip(sets.column.frames[:, WIDTH], 0.0, _LINES_UNTIL_DECIDED)
                return Estimate(min(share, 1.0), _OTHER_COST + float(np.mean(slices)) if len(slices) else 0.0)
            case Not():
                inner = self.of(sets.operand)
                return Estimate(1.0 - inner.share, inner.cost)
            case All():
                share, cost = 1.0, 0.0
                for each in self.ordered(sets):
                    found = self.of(each)
                    cost, share = cost + found.cost * share**0.5, share * found.share
                return Estimate(share, cost)
            case Any():
                parts = [self.of(each) for each in sets.operands]
                missed = float(np.prod([1.0 - each.share for each in parts]))
                return Estimate(1.0 - missed, sum(each.cost for each in parts))

    def ordered(self, sets: All | Any) -> list[Sets]:
        """The operands in the order in which they decide most for what they cost."""

        def rank(each: Sets) -> float:
            found = self.of(each)
            decided = 1.0 - found.share if isinstance(sets, All) else found.share
            return (found.cost + _OTHER_COST) / max(decided, _LEAST)

        return sorted(sets.operands, key=rank)

    def _persons(self) -> float:
        return max(float(self.universe.cardinalities()[0]), 1.0)

    def _set(self, sets: InSet) -> Estimate:
        entries = sets.column.entries[sets.row]
        kinds = entries & KIND_MASK
        cardinalities = (entries >> CARDINALITY_SHIFT) & CARDINALITY_MASK
        costs = np.where(kinds == DENSE, 1.0, _OTHER_COST)
        costs = costs + np.where((kinds == SPARSE) | (kinds == RUN), cardinalities / SPARSE_MOST * 0.5, 0.0)
        costs = np.where(kinds == RUN, cardinalities / BLOCK_SIZE * 0.5 + _OTHER_COST, costs)
        cost = float(np.mean(costs)) if len(costs) else 0.0
        return Estimate(min(float(cardinalities.sum()) / self._persons(), 1.0), cost)
