"""The normal form of windows and values: one unit per family, constants folded, commuting sides in order."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rules import tree as t
from rules.errors import NumberOverflow
from rules.printer import print_form
from rules.tree import Clock, Function, Operator, Unit
from rules.values import INT64_MIN, add, divide, multiply, subtract

if TYPE_CHECKING:
    from rules.canonical.whole import Canonical

# Exact in every window: a quarter is three months back, a week seven days back.
_SMALLEST = {
    Unit.HOUR: (60, Unit.MINUTE),
    Unit.WEEK: (7, Unit.DAY),
    Unit.QUARTER: (3, Unit.MONTH),
    Unit.YEAR: (12, Unit.MONTH),
}
_FOLD = {
    Operator.ADD: add,
    Operator.SUBTRACT: subtract,
    Operator.MULTIPLY: multiply,
    Operator.DIVIDE: divide,
}
_DAY_IS_ENOUGH = {Clock.DAYS_SINCE, Clock.AGE}
_PICKS = {Function.FIRST, Function.LAST, Function.NTH}


def canonical_window(window: t.Window) -> t.Window:
    match window:
        case t.Last(count, unit) | t.Past(count, unit) | t.Previous(count, unit) if unit in _SMALLEST:
            times, smaller = _SMALLEST[unit]
            return replace(window, count=count * times, unit=smaller)
        case t.Period(t.Which.THIS, _, True):
            return replace(window, to_date=False)  # nothing counts after as_of anyway
    return window


def canonical_duration(duration: t.Duration) -> t.Duration:
    minutes = {Unit.MINUTE: 1, Unit.HOUR: 60, Unit.DAY: 24 * 60}[duration.unit]
    return replace(duration, count=duration.count * minutes, unit=Unit.MINUTE)


def canonical_value(canonical: "Canonical", node: t.Expression) -> t.Expression:
    match node:
        case t.Arithmetic():
            return _arithmetic(canonical, node)
        case t.TimeFunction(function, operand):
            inner = canonical.value(operand)
            if (
                function in _DAY_IS_ENOUGH
                and isinstance(inner, t.TimeFunction)
                and inner.function is Clock.DAY
            ):
                inner = inner.operand
            return replace(node, operand=inner)
        case t.Aggregate():
            return _aggregate(canonical, node)
    return node


def _arithmetic(canonical: "Canonical", node: t.Arithmetic) -> t.Expression:
    left, right, operator = canonical.value(node.left), canonical.value(node.right), node.operator
    if isinstance(left, t.Number) and isinstance(right, t.Number):
        folded = _folded(operator, left.value, right.value)
        if folded is not None:
            return t.Number(folded, span=node.span)
    if operator is Operator.SUBTRACT and isinstance(right, t.Number) and right.value != INT64_MIN:
        operator, right = Operator.ADD, replace(right, value=-right.value)
    if operator in {Operator.ADD, Operator.MULTIPLY} and print_form(right) < print_form(left):
        left, right = right, left
    return t.Arithmetic(operator, left, right, span=node.span)


def _folded(operator: Operator, left: int, right: int) -> int | None:
    """None when the result is unknown or an error, and for the one number that no literal can write."""
    try:
        result = _FOLD[operator](left, right)
    except NumberOverflow:
        return None
    return None if result == INT64_MIN else result


def _aggregate(canonical: "Canonical", node: t.Aggregate) -> t.Aggregate:
    function, index, prop, unit = node.function, node.index, node.property, node.unit
    if function is Function.NTH and index == 1:
        function, index = Function.FIRST, None
    if function in _PICKS and prop is not None and prop.path == ("time",):
        prop = None
    if function is Function.STREAK and unit is None:
        unit = Unit.DAY
    return replace(
        node,
        function=function,
        index=index,
        property=prop,
        unit=unit,
        where=canonical.where(node.where),
        window=canonical_window(node.window),
    )
