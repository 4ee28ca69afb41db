"""A rule as set algebra: AND from the smallest set on, NOT as the complement within the population."""

from dataclasses import dataclass

from pyroaring import BitMap

from rules.check import Population
from rules.errors import UnsupportedNode
from rules.evaluate.refusal import refuse
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.tree import Aggregate, And, Condition, Constant, Not, Or, Rule, Sequence
from rules.walk import walk

from .index import TagBitmaps
from .leaves import EVALUATOR, Leaves
from .steps import narrowed


def members(
    rule: Rule | Condition, index: TagBitmaps, setting: Setting, population: Population = Population.KNOWN
) -> BitMap:
    """The persons of the population of whom the rule is true, and whom its steps leave.

    Behaviour arrives as features (`rules.features`). Raises UnsupportedNode for an aggregate or sequence that is not
    one, and for LIMIT and SAMPLE when the index is no `BirthHashes`; LookupError for what it does not have,
    NumberOverflow.
    """
    refuse(rule, EVALUATOR, setting)
    condition = condition_within(rule)
    for each in walk(condition):
        if isinstance(each, Aggregate):
            raise UnsupportedNode(f"{each.function.value} that is not a feature", EVALUATOR)
        if isinstance(each, Sequence):
            raise UnsupportedNode("SEQUENCE that is not a feature", EVALUATOR)
    everyone = index.universe(population)
    found = _Algebra(Leaves(index, setting, everyone)).members(condition, everyone)
    return narrowed(found, rule.steps, index) if isinstance(rule, Rule) else found


@dataclass(frozen=True, slots=True)
class _Algebra:
    leaves: Leaves

    def members(self, node: Condition, among: BitMap) -> BitMap:
        """Those of `among` of whom the condition is true."""
        match node:
            case Constant():
                return among.copy() if node.value else BitMap()
            case And():
                return self._all(node, among)
            case Or():
                found = (self.members(each, among) for each in node.operands)
                return BitMap.union(BitMap(), *found)
            case Not():
                return among - self.members(node.operand, among)
            case _:
                return self.leaves.members(node, among)

    def _all(self, node: And, among: BitMap) -> BitMap:
        """What the index knows at once, smallest first; the rest only of those who remain."""
        quick = [each for each in node.operands if self.leaves.is_quick(each)]
        rest = [each for each in node.operands if not self.leaves.is_quick(each)]
        remaining = among
        for found in sorted((self.leaves.members(each, among) for each in quick), key=len):
            remaining = remaining & found
        for each in rest:
            if not remaining:
                break
            remaining = self.members(each, remaining)
        return remaining if remaining is not among else among.copy()
