"""Conditions and expressions over columns: for all slots of a scope at once. Conditions are never unknown.

Every operand is evaluated even when the outcome is settled, so that an overflow never depends on the order of operands.
"""

import datetime as dt
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any, Protocol

import numpy as np

from rules.errors import UnsupportedNode
from rules.evaluate import meaning
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
    Clock,
    Compare,
    Comparison,
    Condition,
    Constant,
    Date,
    Expression,
    Feature,
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
from rules.values import SCALE, Kind

from .columns import EPOCH, Bools, Column, code_ranks, epoch_us
from .exact import calculate
from .local_days import DAY_US, local_days, midnights_us

EVALUATOR = "events"
_COMPARISON: dict[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}


class Scope(Protocol):
    """Where names are read: persons, events, or lines of events."""

    @property
    def setting(self) -> Setting: ...

    @property
    def size(self) -> int:
        """How many slots."""
        ...

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> Column: ...

    def list_of(self, operand: Expression) -> ValueList | None:
        """The list of values that the operand's property is of."""
        ...

    def holds(self, condition: AnyLine | InSegment | Sequence) -> Bools: ...


def value(node: Expression, scope: Scope) -> Column:
    """The node's values. Raises NumberOverflow, and UnsupportedNode for what is not evaluated here."""
    match node:
        case Number() | Text() | Bool() | Date() | Moment():
            return Column.of(meaning.literal(node, scope.setting))
        case Arithmetic():
            return calculate(node.operator, value(node.left, scope), value(node.right, scope))
        case TimeFunction():
            return _clock(node.function, value(node.operand, scope), scope.setting)
        case _:
            return scope.read(node)


def truth(node: Condition, scope: Scope) -> Bools:
    """Where the condition holds, a slot each."""
    return np.broadcast_to(_truth(node, scope), scope.size)


def _truth(node: Condition, scope: Scope) -> Bools:
    match node:
        case Constant():
            return np.array([node.value])
        case And():
            return reduce(operator.and_, [_truth(each, scope) for each in node.operands])
        case Or():
            return reduce(operator.or_, [_truth(each, scope) for each in node.operands])
        case Not():
            return ~_truth(node.operand, scope)
        case IsKnown():
            known = value(node.operand, scope).known
            return known if node.known else ~known
        case AnyLine() | InSegment() | Sequence():
            return scope.holds(node)
        case Compare():
            return _compare(node.operator, value(node.left, scope), value(node.right, scope))
        case Between():
            found = value(node.operand, scope)
            low, high = value(node.low, scope), value(node.high, scope)
            return _compare(Comparison.LE, low, found) & _compare(Comparison.LE, found, high)
        case In() | TextTest() | Under() | Anniversary():
            return _test(node, value(node.operand, scope), scope)
    raise UnsupportedNode(type(node).__name__, EVALUATOR)


def _compare(comparison: Comparison, left: Column, right: Column) -> Bools:
    one, other = code_ranks(left, right)
    found: Bools = left.known & right.known & _COMPARISON[comparison](one, other)
    return found


def _test(node: In | TextTest | Under | Anniversary, operand: Column, scope: Scope) -> Bools:
    """A condition on one operand."""
    match node:
        case In() if operand.kind is Kind.TEXT:
            wanted = {meaning.literal(each, scope.setting) for each in node.values}
            return operand.by_text(wanted.__contains__)
        case In():
            listed = [Column.of(meaning.literal(each, scope.setting)).data[0] for each in node.values]
            return operand.known & np.isin(operand.data, listed)
        case TextTest():
            return operand.by_text(lambda text: meaning.text_test(node.operator, text, node.pattern))
        case Under():
            tree = scope.list_of(node.operand) or ValueList(frozenset())
            return operand.by_text(lambda text: node.value in tree.line_of(text))
        case Anniversary():
            days = meaning.anniversary_days(scope.setting.today, node.days, ahead=node.ahead)
            if operand.kind is Kind.TEXT:
                return operand.by_text(days.__contains__)
            dates = _days(operand, scope.setting)
            found = np.unique(dates[operand.known]) if dates.shape == operand.known.shape else dates
            meant = [each for each in found.tolist() if f"{_date(each):%m-%d}" in days]
            return operand.known & np.isin(dates, meant)


def _clock(function: Clock, operand: Column, setting: Setting) -> Column:
    """Functions of a date or moment; a date stands for its midnight."""
    match function:
        case Clock.DAY:
            return Column(Kind.DATE, operand.known, _days(operand, setting))
        case Clock.DAYS_SINCE:
            today = (setting.today - EPOCH.date()).days
            return Column(Kind.NUMBER, operand.known, (today - _days(operand, setting)) * SCALE)
        case Clock.ELAPSED_DAYS:
            known = operand.data
            starts = known if operand.kind is Kind.DATETIME else midnights_us(known, operand.known, setting)
            elapsed = (epoch_us(setting.as_of) - np.where(operand.known, starts, 0)) // DAY_US
            return Column(Kind.NUMBER, operand.known, elapsed * SCALE)
        case Clock.AGE:
            days = _days(operand, setting)
            distinct, places = np.unique(np.where(operand.known, days, 0), return_inverse=True)
            ages = [meaning.age(_date(each), setting.today) * SCALE for each in distinct.tolist()]
            return Column(Kind.NUMBER, operand.known, np.array(ages, np.int64)[places])


def _days(operand: Column, setting: Setting) -> Any:
    if operand.kind is Kind.DATE:
        return operand.data.astype(np.int64)
    known, data = np.broadcast_arrays(operand.known, operand.data)
    if not known.all():  # a moment of 1970 in their place would ask for every change of the clock since
        data = np.where(known, data, data[np.argmax(known)])
    return local_days(data, setting)


def _date(number: int) -> dt.date:
    return dt.date.fromordinal(number + EPOCH.date().toordinal())
