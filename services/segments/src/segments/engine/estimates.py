"""How many persons a set has about, and what it costs to read: for the order of operands, never for an answer."""

from dataclasses import dataclass
from math import prod

from segments.engine.algebra import All, Any, Everyone, InRange, InSet, Nobody, Not, Sets
from segments.engine.sets import SetColumn

_LEAST_COST = 0.05
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class Estimate:
    """`share` of the population; `cost` in dense containers read per block."""

    share: float
    cost: float


class Estimates:
    """For one universe."""

    def __init__(self, universe: SetColumn) -> None:
        self._persons = max(float(universe.cardinalities[0]), 1.0)
        self._known: dict[Sets, Estimate] = {}

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
                share = float(sets.column.cardinalities[sets.row]) / self._persons
                return Estimate(min(share, 1.0), _LEAST_COST + float(sets.column.costs[sets.row]))
            case InRange():
                share = sets.column.persons / self._persons * sets.column.share(sets.low, sets.high)
                return Estimate(min(share, 1.0), _LEAST_COST + sets.column.cost)
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
                missed = prod(1.0 - each.share for each in parts)
                return Estimate(1.0 - missed, sum(each.cost for each in parts))

    def ordered(self, sets: All | Any) -> list[Sets]:
        """The operands in the order in which they decide most for what they cost."""
        narrowing = isinstance(sets, All)
        return sorted(sets.operands, key=lambda each: self.rank(each, narrowing=narrowing))

    def rank(self, sets: Sets, *, narrowing: bool) -> float:
        """What an operand costs for what it decides: persons who are out of an intersection, or in a union."""
        found = self.of(sets)
        return found.cost / max(1.0 - found.share if narrowing else found.share, _LEAST)
