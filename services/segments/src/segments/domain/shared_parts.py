"""What several rules have in common, while all of them are answered over one version at one moment."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from rules.check import Population
from rules.tree import And, Condition, Not, Or

BYTES_MOST = 128 << 20
"""What the answers to parts take, of one version: parts beyond are evaluated with each rule."""


@dataclass(slots=True)
class SharedParts:
    """`wanted`: by population and `id` of a condition that more than one rule has, in canonical form and at any
    depth, a number that equal ones share. `answers`: by number, to those that were met, whatever the evaluator makes
    of them; `bytes_left`: for more. `rules` keeps the conditions, and so their ids."""

    wanted: Mapping[Population, Mapping[int, int]]
    rules: tuple[tuple[Population, Condition], ...]
    answers: dict[int, object] = field(default_factory=dict)
    bytes_left: int = field(default_factory=lambda: BYTES_MOST)


def shared_parts(rules: Iterable[tuple[Population, Condition]]) -> SharedParts:
    """Of the conditions of rules. What stands within a shared part alone is none of its own: it is asked for once."""
    asked = tuple(rules)
    numbering, seen = _Numbering(), Counter[int]()
    for population, condition in asked:
        numbers = numbering.numbers(population, condition)
        waiting = [condition]
        while waiting:
            each = waiting.pop()
            number = numbers[id(each)]
            seen[number] += 1
            if seen[number] == 1:
                waiting.extend(_operands(each))
    return SharedParts(
        wanted={
            population: {place: number for place, number in numbers.items() if seen[number] > 1}
            for population, numbers in numbering.by_population.items()
        },
        rules=asked,
    )


class _Numbering:
    """Equal conditions have equal numbers. Each is told by those of its operands: no tree is looked at twice."""

    def __init__(self) -> None:
        self.by_population: dict[Population, dict[int, int]] = {}
        self._told: dict[Hashable, int] = {}

    def numbers(self, population: Population, condition: Condition) -> Mapping[int, int]:
        """Those of the population, with the condition and all that it consists of."""
        numbers = self.by_population.setdefault(population, {})
        self._number(population, condition, numbers)
        return numbers

    def _number(self, population: Population, condition: Condition, numbers: dict[int, int]) -> int:
        inner = tuple(self._number(population, each, numbers) for each in _operands(condition))
        told = (population.name, type(condition), inner) if inner else (population.name, condition)
        numbers[id(condition)] = found = self._told.setdefault(told, len(self._told))
        return found


def _operands(condition: Condition) -> tuple[Condition, ...]:
    match condition:
        case And() | Or():
            return condition.operands
        case Not():
            return (condition.operand,)
        case _:
            return ()
