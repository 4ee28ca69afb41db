"""The normal form of conditions that are neither AND, OR nor NOT."""

import datetime as dt
import operator as op
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rules import tree as t
from rules.canonical.joins import FALSE, LITERALS, TRUE, conjunction, negation, one_of
from rules.canonical.values import canonical_duration, canonical_window
from rules.printer import print_form
from rules.tree import Clock, Comparison, Condition, Expression, Function
from rules.values import SCALE

if TYPE_CHECKING:
    from rules.canonical.whole import Canonical

_MIRRORED = {
    Comparison.LT: Comparison.GT,
    Comparison.LE: Comparison.GE,
    Comparison.GT: Comparison.LT,
    Comparison.GE: Comparison.LE,
}
_TRUTH: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.EQ: op.eq,
    Comparison.NE: op.ne,
    Comparison.LT: op.lt,
    Comparison.LE: op.le,
    Comparison.GT: op.gt,
    Comparison.GE: op.ge,
}
_WHOLE_COUNTS = {Function.COUNT, Function.DAYS, Function.DISTINCT, Function.STREAK}
_ALWAYS_KNOWN = _WHOLE_COUNTS | {Function.SUM}
_WHOLE_TIMES = {Clock.DAYS_SINCE, Clock.ELAPSED_DAYS, Clock.AGE}
# Beyond this the next whole number might not fit in int64.
_ROUNDABLE = 2**62


def canonical_leaf(canonical: "Canonical", node: Condition) -> Condition:
    match node:
        case t.Compare():
            return compare(node, canonical.value(node.left), canonical.value(node.right))
        case t.Between():
            operand = canonical.value(node.operand)
            at_least = t.Compare(Comparison.GE, operand, node.low, span=node.span)
            at_most = t.Compare(Comparison.LE, operand, node.high, span=node.span)
            return conjunction([canonical.condition(at_least), canonical.condition(at_most)])
        case t.In():
            return one_of(canonical.value(node.operand), node.values)
        case t.Has():
            return _has(canonical, node)
        case t.TextTest() | t.Under() | t.Anniversary():
            return replace(node, operand=canonical.value(node.operand))
        case t.IsKnown():
            return _is_known(canonical, node)
        case t.AnyLine():
            inner = canonical.condition(node.condition)
            return FALSE if inner == FALSE else replace(node, condition=inner)
        case t.Sequence():
            return _sequence(canonical, node)
    return node


def compare(node: t.Compare, left: Expression, right: Expression) -> Condition:
    """Literals on the right, other sides in the order of their texts, whole numbers compared with <= >= =."""
    comparison = node.operator
    if _should_swap(left, right):
        left, right = right, left
        comparison = _MIRRORED.get(comparison, comparison)
    if isinstance(left, LITERALS) and isinstance(right, LITERALS):
        truth = _constant(comparison, left, right)
        if truth is not None:
            return TRUE if truth else FALSE
    if isinstance(right, t.Bool) and comparison is Comparison.NE:
        comparison, right = Comparison.EQ, t.Bool(not right.value, span=right.span)
    if isinstance(right, t.Number) and _is_whole(left) and abs(right.value) < _ROUNDABLE:
        return _whole(node, comparison, left, right)
    return t.Compare(comparison, left, right, span=node.span)


def _should_swap(left: Expression, right: Expression) -> bool:
    if isinstance(left, LITERALS) or isinstance(right, LITERALS):
        return isinstance(left, LITERALS) and not isinstance(right, LITERALS)
    return print_form(right) < print_form(left)


def _constant(comparison: Comparison, left: t.Literal, right: t.Literal) -> bool | None:
    """None when only an evaluation can tell: a moment without a zone depends on the tenant's."""
    if type(left) is not type(right):
        return None
    if isinstance(left.value, dt.datetime) and isinstance(right.value, dt.datetime):
        aware = (left.value.tzinfo is not None) + (right.value.tzinfo is not None)
        if aware != 2:
            return None
    return _TRUTH[comparison](left.value, right.value)


def _is_whole(node: Expression) -> bool:
    return (isinstance(node, t.Aggregate) and node.function in _WHOLE_COUNTS) or (
        isinstance(node, t.TimeFunction) and node.function in _WHOLE_TIMES
    )


def _whole(node: t.Compare, comparison: Comparison, left: Expression, right: t.Number) -> Condition:
    """`COUNT > 0` is `COUNT >= 1`; a count is never negative and never unknown."""
    floor = right.value // SCALE * SCALE
    ceiling = -(-right.value // SCALE) * SCALE
    match comparison:
        case Comparison.GT:
            comparison, bound = Comparison.GE, floor + SCALE
        case Comparison.LT:
            comparison, bound = Comparison.LE, ceiling - SCALE
        case Comparison.GE:
            bound = ceiling
        case Comparison.LE:
            bound = floor
        case _:
            bound = right.value
    if isinstance(left, t.Aggregate):
        if comparison is Comparison.GE and bound <= 0:
            return TRUE
        if comparison is Comparison.LE and bound < 0:
            return FALSE
        if comparison is Comparison.LE and bound == 0:
            comparison = Comparison.EQ
    return t.Compare(comparison, left, replace(right, value=bound), span=node.span)


def _has(canonical: "Canonical", node: t.Has) -> t.Has:
    values = tuple(sorted(set(node.values), key=print_form))
    alike = node.quantifier is t.Quantifier.ALL and len(values) == 1
    return replace(
        node,
        operand=canonical.value(node.operand),
        quantifier=t.Quantifier.ANY if alike else node.quantifier,
        values=values,
    )


def _is_known(canonical: "Canonical", node: t.IsKnown) -> Condition:
    operand = canonical.value(node.operand)
    known: Condition = t.IsKnown(operand, span=node.span)
    if isinstance(operand, t.Aggregate) and operand.function in _ALWAYS_KNOWN:
        known = TRUE
    return known if node.known else negation(known)


def _sequence(canonical: "Canonical", node: t.Sequence) -> t.Sequence:
    def event_filter(each: t.EventFilter) -> t.EventFilter:
        return replace(each, where=canonical.where(each.where))

    def forbidden(step: t.Step) -> tuple[t.EventFilter, ...]:
        filters = dict.fromkeys(event_filter(each) for each in step.without)
        return tuple(sorted(filters, key=_filter_text))

    steps = tuple(
        replace(step, match=event_filter(step.match), without=forbidden(step)) for step in node.steps
    )
    return replace(
        node,
        steps=steps,
        by=tuple(sorted(dict.fromkeys(node.by), key=lambda each: each.path)),
        within=canonical_duration(node.within) if node.within else None,
        window=canonical_window(node.window),
    )


def _filter_text(node: t.EventFilter) -> tuple[str, str]:
    return node.event, print_form(node.where) if node.where else ""
