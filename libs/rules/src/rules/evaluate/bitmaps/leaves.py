"""Conditions without AND, OR, NOT: the set of persons of each, from one column where possible."""

from dataclasses import dataclass
from typing import cast

from pyroaring import BitMap

from rules.errors import UnsupportedNode
from rules.evaluate import meaning
from rules.evaluate.meaning import Value
from rules.evaluate.person.interpreter import truth
from rules.evaluate.setting import Setting
from rules.schema import ValueList
from rules.tree import (
    Aggregate,
    AnyLine,
    Between,
    Bool,
    Compare,
    Comparison,
    Condition,
    Date,
    Expression,
    Feature,
    Has,
    In,
    InSegment,
    IsKnown,
    Literal,
    Moment,
    Number,
    Property,
    Quantifier,
    Sequence,
    TagRef,
    Text,
    TimeFunction,
    Under,
)
from rules.walk import walk

from .days import in_days
from .index import Column, TagBitmaps

EVALUATOR = "bitmaps"
_LITERALS = (Number, Text, Bool, Date, Moment)
_FLIPPED = {
    Comparison.LT: Comparison.GT,
    Comparison.LE: Comparison.GE,
    Comparison.GT: Comparison.LT,
    Comparison.GE: Comparison.LE,
    Comparison.EQ: Comparison.EQ,
    Comparison.NE: Comparison.NE,
}
Leaf = TagRef | Feature


@dataclass(frozen=True, slots=True)
class Leaves:
    """`everyone`: the population, for conditions that are true of the unknown."""

    index: TagBitmaps
    setting: Setting
    everyone: BitMap

    def members(self, node: Condition, among: BitMap) -> BitMap:
        """Those of `among` of whom the condition is true."""
        if isinstance(node, InSegment):
            return self.index.segment(node.name) & among
        leaves = list(dict.fromkeys(each for each in walk(node) if isinstance(each, Leaf)))
        if len(leaves) != 1:
            return self._person_by_person(node, leaves, among)
        leaf = leaves[0]
        found = self._of_column(node, leaf, self._column(leaf))
        if found is None:
            found = self._value_by_value(node, leaf)
        return found & among

    def is_quick(self, node: Condition) -> bool:
        """Does the index hold the answer as it stands, so that its size is known at once?"""
        return isinstance(node, InSegment | Has | Under | IsKnown | In) or (
            isinstance(node, Compare) and node.operator is Comparison.EQ
        )

    def _column(self, leaf: Leaf) -> Column:
        return self.index.tag(leaf.name) if isinstance(leaf, TagRef) else self.index.feature(leaf.form)

    def _of_column(self, node: Condition, leaf: Leaf, column: Column) -> BitMap | None:
        """The set of a condition on the column itself, or on a day function of it; None for any other."""
        match node:
            case Has():
                return self._has(node, column)
            case Under(operand=operand) if operand == leaf:
                tree = _list_of(leaf, self.setting) or ValueList(frozenset())
                return column.any_of(tree.below(node.value))
            case In(operand=operand) if operand == leaf:
                return column.any_of(self._literals(node.values))
            case IsKnown(operand=operand) if operand == leaf:
                return column.known() if node.known else self.everyone - column.known()
            case Between(operand=operand, low=low, high=high) if (
                operand == leaf and isinstance(low, _LITERALS) and isinstance(high, _LITERALS)
            ):
                ends = self._literals((low, high))
                return column.between(*ends, with_low=True, with_high=True)
            case Compare(operator=operation, left=left, right=right):
                if isinstance(left, _LITERALS):
                    operation, left, right = _FLIPPED[operation], right, left
                if isinstance(right, _LITERALS):
                    return self._compare(operation, left, right, leaf, column)
        return None

    def _literals(self, nodes: tuple[Literal, ...]) -> list[meaning.Scalar]:
        return [meaning.literal(each, self.setting) for each in nodes]

    def _has(self, node: Has, column: Column) -> BitMap:
        wanted = self._literals(node.values)
        match node.quantifier:
            case Quantifier.ANY:
                return column.any_of(wanted)
            case Quantifier.NONE:
                return column.known() - column.any_of(wanted)
            case Quantifier.ALL:
                return BitMap.intersection(column.known(), *(column.any_of([each]) for each in wanted))

    def _compare(
        self, operation: Comparison, left: Expression, right: Literal, leaf: Leaf, column: Column
    ) -> BitMap | None:
        value = meaning.literal(right, self.setting)
        if isinstance(left, TimeFunction) and left.operand == leaf:
            return in_days(column, left.function, operation, value, self.setting)
        if left != leaf:
            return None
        match operation:
            case Comparison.EQ:
                return column.any_of([value])
            case Comparison.NE:
                return column.known() - column.any_of([value])
            case Comparison.LT | Comparison.LE:
                return column.between(None, value, with_low=False, with_high=operation is Comparison.LE)
            case Comparison.GT | Comparison.GE:
                return column.between(value, None, with_low=operation is Comparison.GE, with_high=False)

    def _value_by_value(self, node: Condition, leaf: Leaf) -> BitMap:
        """Asks the condition of each distinct value once, and of the unknown."""
        found = self._column(leaf).where(lambda value: truth(node, _Values(self.setting, {leaf: value})))
        if truth(node, _Values(self.setting, {})):
            found |= self.everyone - self._column(leaf).known()
        return found

    def _person_by_person(self, node: Condition, leaves: list[Leaf], among: BitMap) -> BitMap:
        """A condition on several columns, or none: exact and slow."""
        if not leaves:
            return among.copy() if truth(node, _Values(self.setting, {})) else BitMap()
        values: dict[int, dict[Leaf, Value]] = {person: {} for person in among}
        for leaf in leaves:
            for person, value in self._column(leaf).values(among):
                values[person][leaf] = value
        return BitMap(person for person, known in values.items() if truth(node, _Values(self.setting, known)))


@dataclass(frozen=True, slots=True)
class _Values:
    """Names read from given values."""

    setting: Setting
    known: dict[Leaf, Value]

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        if isinstance(leaf, Aggregate):
            raise UnsupportedNode(f"{leaf.function.value} that is not a feature", EVALUATOR)
        return self.known.get(cast(Leaf, leaf))

    def list_of(self, operand: Expression) -> ValueList | None:
        return _list_of(operand, self.setting)

    def holds(self, condition: AnyLine | InSegment | Sequence) -> bool:
        raise TypeError(f"{type(condition).__name__} has no meaning here; evaluate a checked rule")


def _list_of(operand: Expression, setting: Setting) -> ValueList | None:
    tag = setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
    return tag.values if tag else None
