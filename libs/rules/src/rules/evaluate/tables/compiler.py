"""Conditions and expressions as Ibis expressions over the columns in scope. Conditions are never null."""

import datetime as dt
import operator
from collections.abc import Callable, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any, Protocol

from rules.evaluate import meaning
from rules.evaluate.setting import Setting
from rules.patterns import portable
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
    Has,
    In,
    InSegment,
    IsKnown,
    Literal,
    Moment,
    Not,
    Number,
    Operator,
    Or,
    Property,
    Quantifier,
    TagRef,
    Text,
    TextOperator,
    TextTest,
    TimeFunction,
    Under,
)
from rules.tree import Sequence as EventSequence
from rules.values import SCALE

from . import exact, local_time

if TYPE_CHECKING:
    import ibis.expr.types as ir

EVALUATOR = "tables"
_COMPARISON: dict[Comparison, Callable[[Any, Any], Any]] = {
    Comparison.EQ: operator.eq,
    Comparison.NE: operator.ne,
    Comparison.LT: operator.lt,
    Comparison.LE: operator.le,
    Comparison.GT: operator.gt,
    Comparison.GE: operator.ge,
}
_ARITHMETIC: dict[Operator, Callable[[Any, Any], Any]] = {
    Operator.ADD: exact.add,
    Operator.SUBTRACT: exact.subtract,
    Operator.MULTIPLY: exact.multiply,
    Operator.DIVIDE: exact.divide,
}


class Columns(Protocol):
    """Where names are read: the columns of persons, of events, or of lines of events."""

    @property
    def setting(self) -> Setting: ...

    def read(self, leaf: TagRef | Property | Aggregate | Feature) -> "ir.Value":
        """Null is unknown."""
        ...

    def list_of(self, operand: Expression) -> ValueList | None: ...

    def holds(self, condition: AnyLine | InSegment | EventSequence) -> "ir.BooleanValue":
        """Never null."""
        ...


def value(node: Expression, columns: Columns) -> Any:
    """An Ibis value, null when unknown."""
    match node:
        case Number() | Text() | Bool() | Date() | Moment():
            return literal(node, columns.setting)
        case Arithmetic():
            return _ARITHMETIC[node.operator](value(node.left, columns), value(node.right, columns))
        case TimeFunction():
            return _clock(node.function, value(node.operand, columns), columns.setting)
        case _:
            return columns.read(node)


def literal(node: Literal, setting: Setting) -> Any:
    import ibis

    known = meaning.literal(node, setting)
    if isinstance(known, dt.datetime):
        return exact.moment_of(local_time.epoch_us(known))
    if isinstance(known, bool | str | dt.date):
        return ibis.literal(known)
    return ibis.literal(known, type="int64")


def truth(node: Condition, columns: Columns) -> Any:
    """An Ibis boolean, never null."""
    import ibis

    match node:
        case Constant():
            return ibis.literal(node.value)
        case And():
            return balanced(operator.and_, [truth(each, columns) for each in node.operands])
        case Or():
            return balanced(operator.or_, [truth(each, columns) for each in node.operands])
        case Not():
            return ~truth(node.operand, columns)
        case IsKnown():
            operand = value(node.operand, columns)
            return operand.notnull() if node.known else operand.isnull()
        case AnyLine() | InSegment() | EventSequence():
            return columns.holds(node)
        case Compare():
            return known_and(
                _COMPARISON[node.operator](value(node.left, columns), value(node.right, columns))
            )
        case Between():
            operand = value(node.operand, columns)
            return known_and((value(node.low, columns) <= operand) & (operand <= value(node.high, columns)))
        case _:
            return known_and(_test(node, value(node.operand, columns), columns))


def known_and(condition: Any) -> Any:
    """Unknown is false."""
    return condition.fill_null(False)


def balanced(join: Callable[[Any, Any], Any], parts: Sequence[Any]) -> Any:
    """Joins the parts pairwise, so that the depth is the logarithm of their number."""
    while len(parts) > 1:
        parts = [reduce(join, parts[each : each + 2]) for each in range(0, len(parts), 2)]
    return parts[0]


def _test(node: In | Has | TextTest | Under | Anniversary, operand: Any, columns: Columns) -> Any:
    match node:
        case In():
            return operand.isin([literal(each, columns.setting) for each in node.values])
        case Has():
            return _has(node.quantifier, operand, [literal(each, columns.setting) for each in node.values])
        case TextTest():
            return _text_test(node.operator, operand, node.pattern)
        case Under():
            tree = columns.list_of(node.operand) or ValueList(frozenset())
            below = [literal(Text(each), columns.setting) for each in sorted(tree.below(node.value))]
            return _has(Quantifier.ANY, operand, below) if operand.type().is_array() else operand.isin(below)
        case Anniversary():
            days = meaning.anniversary_days(columns.setting.today, node.days, ahead=node.ahead)
            return _month_day(operand, columns.setting).isin(sorted(days))


def _has(quantifier: Quantifier, elements: Any, wanted: list[Any]) -> Any:
    import ibis

    wanted_list = ibis.array(wanted)
    match quantifier:
        case Quantifier.ANY:
            return exact.call("list_has_any", "boolean", elements, wanted_list)
        case Quantifier.ALL:
            return exact.call("list_has_all", "boolean", elements, wanted_list)
        case Quantifier.NONE:
            return ~exact.call("list_has_any", "boolean", elements, wanted_list)


def _text_test(operation: TextOperator, text: Any, pattern: str) -> Any:
    import ibis

    match operation:
        case TextOperator.CONTAINS:
            return text.contains(ibis.literal(pattern))
        case TextOperator.STARTS:
            return text.startswith(ibis.literal(pattern))
        case TextOperator.ENDS:
            return text.endswith(ibis.literal(pattern))
        case TextOperator.MATCHES:
            return exact.matches(text, ibis.literal(portable(pattern)))


def _day_number(moment: Any, setting: Setting) -> Any:
    if moment.type().is_date():
        return exact.day_number(moment)
    return local_time.local_day_number(moment, setting)


def _day(moment: Any, setting: Setting) -> Any:
    if moment.type().is_date():
        return moment
    return exact.day_of_number(local_time.local_day_number(moment, setting))


def _start_us(moment: Any, setting: Setting) -> Any:
    """A date stands for its midnight."""
    if moment.type().is_date():
        return local_time.midnight_us(exact.day_number(moment), setting)
    return exact.microseconds(moment)


def _month_day(operand: Any, setting: Setting) -> Any:
    return operand if operand.type().is_string() else _day(operand, setting).strftime("%m-%d")


def _clock(function: Clock, operand: Any, setting: Setting) -> Any:
    today = setting.today
    match function:
        case Clock.DAY:
            return _day(operand, setting)
        case Clock.DAYS_SINCE:
            today_number = (today - local_time.EPOCH.date()).days
            return (today_number - _day_number(operand, setting)) * SCALE
        case Clock.ELAPSED_DAYS:
            elapsed = local_time.epoch_us(setting.as_of) - _start_us(operand, setting)
            return exact.floor_divide(elapsed, local_time.DAY_US) * SCALE
        case Clock.AGE:
            # Digits of year, month and day as one number: a whole year is 10,000 of it.
            born = _day(operand, setting).strftime("%Y%m%d").cast("int64")
            as_digits = today.year * 10_000 + today.month * 100 + today.day
            if (today.month, today.day) == (2, 28) and not meaning.is_leap(today.year):
                as_digits += 1  # the 29th has come for those born on it
            return exact.floor_divide(as_digits - born, 10_000) * SCALE
