"""The meaning of every node, over whatever is in scope: a person, an event, or a line of an event.

Two values only: a condition on an unknown value is false, NOT turns it round. Every operand is evaluated
even when the outcome is settled, so that an overflow never depends on the order of operands.
"""

import datetime as dt
from typing import Protocol, cast

from rules.evaluate import meaning
from rules.evaluate.meaning import Scalar, Value
from rules.evaluate.setting import Setting
from rules.schema import ValueList
from rules.tree import (
    Aggregate,
    And,
    Anniversary,
    AnyLine,
    Arithmetic,
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
    Moment,
    Not,
    Number,
    Or,
    Property,
    Sequence,
    TagRef,
    Text,
    TextTest,
    TimeFunction,
    Under,
)


class Scope(Protocol):
    """Where names are read."""

    @property
    def setting(self) -> Setting: ...

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Value | None:
        """None is unknown."""
        ...

    def list_of(self, operand: Expression) -> ValueList | None:
        """The list of values that the operand's tag or property is of."""
        ...

    def holds(self, condition: AnyLine | InSegment | Sequence) -> bool: ...


def value(node: Expression, scope: Scope) -> Value | None:
    """The node's typed value (numbers scaled), None when unknown. Raises NumberOverflow."""
    match node:
        case Number() | Text() | Bool() | Date() | Moment():
            return meaning.literal(node, scope.setting)
        case Arithmetic():
            left, right = value(node.left, scope), value(node.right, scope)
            if left is None or right is None:
                return None
            return meaning.arithmetic(node.operator, cast(int, left), cast(int, right))
        case TimeFunction():
            moment = value(node.operand, scope)
            return (
                None if moment is None else meaning.clock(node.function, cast(dt.date, moment), scope.setting)
            )
        case _:
            return scope.read(node)


def truth(node: Condition, scope: Scope) -> bool:
    match node:
        case Constant():
            return node.value
        case And():
            outcomes = [truth(each, scope) for each in node.operands]
            return all(outcomes)
        case Or():
            outcomes = [truth(each, scope) for each in node.operands]
            return any(outcomes)
        case Not():
            return not truth(node.operand, scope)
        case IsKnown():
            return (value(node.operand, scope) is not None) == node.known
        case AnyLine() | InSegment() | Sequence():
            return scope.holds(node)
        case Compare():
            left, right = value(node.left, scope), value(node.right, scope)
            return left is not None and right is not None and meaning.compare(node.operator, left, right)
        case Between():
            low, high = value(node.low, scope), value(node.high, scope)
            operand = value(node.operand, scope)
            if operand is None or low is None or high is None:
                return False
            within = meaning.compare(Comparison.LE, low, operand)
            return within and meaning.compare(Comparison.LE, operand, high)
        case _:
            operand = value(node.operand, scope)
            return operand is not None and _test(node, operand, scope)


def _test(node: In | Has | TextTest | Under | Anniversary, operand: Value, scope: Scope) -> bool:
    """A condition on one known operand."""
    setting = scope.setting
    match node:
        case In():
            return operand in [meaning.literal(each, setting) for each in node.values]
        case Has():
            wanted = [meaning.literal(each, setting) for each in node.values]
            return meaning.has(node.quantifier, elements(operand), wanted)
        case TextTest():
            return meaning.text_test(node.operator, str(operand), node.pattern)
        case Under():
            tree = scope.list_of(node.operand) or ValueList(frozenset())
            return any(node.value in tree.line_of(str(each)) for each in elements(operand))
        case Anniversary():
            days = meaning.anniversary_days(setting.today, node.days, ahead=node.ahead)
            return meaning.month_day(cast(str | dt.date, operand), setting) in days


def elements(operand: Value) -> tuple[Scalar, ...]:
    """A list's elements; any other value is its own only element."""
    return operand if isinstance(operand, tuple) else (operand,)
