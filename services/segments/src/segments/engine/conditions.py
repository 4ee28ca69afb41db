"""Conditions of the rule language as sets. Their meaning is that of rules.evaluate.bitmaps, node by node."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from rules.errors import UnsupportedNode
from rules.evaluate import meaning
from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.person.interpreter import truth
from rules.evaluate.refusal import STEPS, refuse
from rules.evaluate.selection import condition_within
from rules.evaluate.setting import Setting
from rules.schema import ValueList
from rules.tree import (
    Aggregate,
    And,
    AnyLine,
    Between,
    Bool,
    Compare,
    Comparison,
    Condition,
    Constant,
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
    Or,
    Property,
    Quantifier,
    Rule,
    Sequence,
    TagRef,
    Text,
    TimeFunction,
    Under,
)
from rules.tree import Not as NotCondition
from rules.walk import walk

from segments.domain.packing import code_of
from segments.engine.algebra import All, Any, Everyone, InSet, Nobody, Not, Sets
from segments.engine.columns import TagColumn, TagColumns
from segments.engine.days import in_days
from segments.engine.numbers import NO_HIGH, NO_LOW, NumberColumn
from segments.engine.sets import SetColumn

ENGINE = "the block engine"
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
Shared = Callable[[Condition, Callable[[Condition], Sets]], Sets]
"""The set of a condition: as it was found for another rule, or what the function finds."""
Given = Callable[[Condition], SetColumn | None]
"""The persons (row 0) of whom a condition that the engine does not answer is true; None: nobody else does, either."""


def nothing_given(_: Condition) -> SetColumn | None:
    """For callers without another evaluator."""
    return None


def nothing_shared(condition: Condition, found: Callable[[Condition], Sets]) -> Sets:
    """For one rule by itself."""
    return found(condition)


def sets_of(
    rule: Rule | Condition,
    columns: TagColumns,
    setting: Setting,
    given: Given = nothing_given,
    shared: Shared = nothing_shared,
) -> Sets:
    """The persons of whom a checked rule is true, as algebra over columns; NOT is within the program's universe.

    `given` is asked for each leaf that the engine has no operation for: an expression of several tags, or a condition
    on single values of a column of numbers. Raises UnsupportedNode, naming the leaf, when it has no answer, for an
    aggregate or sequence that is not a feature, and for LIMIT and SAMPLE, which narrow members; LookupError for what
    the index does not have.
    """
    refuse(rule, ENGINE, setting, STEPS)
    return _Conditions(columns, setting, given, shared).sets(condition_within(rule))


@dataclass(frozen=True, slots=True)
class _Conditions:
    columns: TagColumns
    setting: Setting
    given: Given
    shared: Shared

    def sets(self, node: Condition) -> Sets:
        return self.shared(node, self._sets)

    def _sets(self, node: Condition) -> Sets:
        match node:
            case Constant():
                return Everyone() if node.value else Nobody()
            case And():
                return All(tuple(self.sets(each) for each in node.operands))
            case Or():
                return Any(tuple(self.sets(each) for each in node.operands))
            case NotCondition():
                return Not(self.sets(node.operand))
            case InSegment():
                return InSet(self.columns.segment(node.name), 0)
            case _:
                return self._leaf(node)

    def _leaf(self, node: Condition) -> Sets:
        nodes = list(walk(node))
        for each in nodes:
            if isinstance(each, Aggregate):
                raise UnsupportedNode(f"{each.function.value} that is not a feature", ENGINE)
            if isinstance(each, Sequence):
                raise UnsupportedNode("SEQUENCE that is not a feature", ENGINE)
        leaves = list(dict.fromkeys(each for each in nodes if isinstance(each, Leaf)))
        if not leaves:
            return Everyone() if truth(node, _Values(self.setting, {})) else Nobody()
        if len(leaves) == 1:
            leaf = leaves[0]
            column = (
                self.columns.tag(leaf.name) if isinstance(leaf, TagRef) else self.columns.feature(leaf.form)
            )
            found = self._of_column(node, leaf, column)
            if found is None and column.dictionary is not None:
                found = self._value_by_value(node, leaf, column)
            if found is not None:
                return found
        column_given = self.given(node)
        if column_given is None:
            raise UnsupportedNode(_name(node), ENGINE)
        return InSet(column_given, 0)

    def _of_column(self, node: Condition, leaf: Leaf, column: TagColumn) -> Sets | None:
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
                return column.known() if node.known else Not(column.known())
            case Between(operand=operand, low=low, high=high) if (
                operand == leaf and isinstance(low, _LITERALS) and isinstance(high, _LITERALS)
            ):
                if column.dictionary is not None:
                    return None
                return column.within(*map(code_of, self._literals((low, high))))
            case Compare(operator=operation, left=left, right=right):
                if isinstance(left, _LITERALS):
                    operation, left, right = _FLIPPED[operation], right, left
                if isinstance(right, _LITERALS):
                    return self._compare(operation, left, right, leaf, column)
        return None

    def _literals(self, nodes: tuple[Literal, ...]) -> list[Scalar]:
        return [meaning.literal(each, self.setting) for each in nodes]

    def _has(self, node: Has, column: TagColumn) -> Sets:
        wanted = self._literals(node.values)
        match node.quantifier:
            case Quantifier.ANY:
                return column.any_of(wanted)
            case Quantifier.NONE:
                return All((column.known(), Not(column.any_of(wanted))))
            case Quantifier.ALL:
                return All((column.known(), *(column.any_of([each]) for each in wanted)))

    def _compare(
        self, operation: Comparison, left: Expression, right: Literal, leaf: Leaf, column: TagColumn
    ) -> Sets | None:
        value = meaning.literal(right, self.setting)
        if isinstance(left, TimeFunction) and left.operand == leaf and _is_of_numbers(column):
            return in_days(column, left.function, operation, value, self.setting)
        if left != leaf:
            return None
        if operation is Comparison.EQ:
            return column.any_of([value])
        if operation is Comparison.NE:
            return All((column.known(), Not(column.any_of([value]))))
        if not _is_of_numbers(column):
            return None
        code = code_of(value)
        match operation:
            case Comparison.LT:
                return column.within(NO_LOW, code - 1)
            case Comparison.LE:
                return column.within(NO_LOW, code)
            case Comparison.GT:
                return column.within(code + 1, NO_HIGH)
            case _:
                return column.within(code, NO_HIGH)

    def _value_by_value(self, node: Condition, leaf: Leaf, column: TagColumn) -> Sets:
        """Asks the condition of each value once, and of the unknown."""
        codes = [code for value, code in column.values() if truth(node, _Values(self.setting, {leaf: value}))]
        found = column.coded(sorted(codes))
        if truth(node, _Values(self.setting, {})):
            return Any((found, Not(column.known())))
        return found


def _is_of_numbers(column: TagColumn) -> bool:
    return column.dictionary is None and isinstance(column.column, NumberColumn)


def _name(node: Condition) -> str:
    names = sorted(
        {
            each.name if isinstance(each, TagRef) else each.form
            for each in walk(node)
            if isinstance(each, Leaf)
        }
    )
    return f"{type(node).__name__} of {' and '.join(names)}"


@dataclass(frozen=True, slots=True)
class _Values:
    """Names read from given values."""

    setting: Setting
    known: dict[Leaf, Value]

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        return self.known.get(cast(Leaf, leaf))

    def list_of(self, operand: Expression) -> ValueList | None:
        return _list_of(operand, self.setting)

    def holds(self, condition: AnyLine | InSegment | Sequence) -> bool:
        raise TypeError(f"{type(condition).__name__} has no meaning here; evaluate a checked rule")


def _list_of(operand: Expression, setting: Setting) -> ValueList | None:
    tag = setting.schema.tag(operand.name) if isinstance(operand, TagRef) else None
    return tag.values if tag else None
