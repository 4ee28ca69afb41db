"""Conditions: each operator with the types it takes."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rules import tree as t
from rules.limits import MAX_VALUES
from rules.patterns import PatternError, check_pattern
from rules.schema import Openness, Scope
from rules.tree import Span
from rules.values import Kind

from .findings import nearest
from .stretches import anchored
from .typed import LITERALS, Typed, check_listed, day_of, read_as

if TYPE_CHECKING:
    from rules.tree import Condition, Expression, Literal

    from .checker import Checker

_ORDERED = {t.Comparison.LT, t.Comparison.LE, t.Comparison.GT, t.Comparison.GE}
MAX_ANNIVERSARY_DAYS = 366


def check_condition(checker: "Checker", node: "Condition", scope: Scope | None) -> "Condition":
    """The condition with its parts rewritten: texts read as days, moments as days, PREVIOUS anchored."""
    match node:
        case t.Constant():
            return node
        case t.And() | t.Or():
            return replace(node, operands=tuple(checker.condition(each, scope) for each in node.operands))
        case t.Not(operand):
            return replace(node, operand=checker.condition(operand, scope))
        case t.InSegment():
            check_segment(checker, node, node.name)
            return node
        case t.Sequence():
            return checker.sequence(node)
    check: Callable[[Checker, Any, Scope | None], Condition] = _CHECKS[type(node)]
    return check(checker, node if scope else anchored(checker.findings, node), scope)


def check_segment(checker: "Checker", node: t.Node, name: str) -> None:
    findings = checker.findings
    if findings.tag_context:
        what = "IN SEGMENT" if isinstance(node, t.InSegment) else "SEGMENT"
        findings.error(
            node.span,
            f"{what} cannot stand in a tag's definition",
            "segments are made of tags; use the tags that the segment uses",
        )
    elif not findings.schema.has_segment(name):
        message = f"there is no segment '{name}'"
        findings.missing(node.span, message, name, findings.schema.names("segment"))
    else:
        findings.segments.add(name)


def _compare(checker: "Checker", node: t.Compare, scope: Scope | None) -> "Condition":
    sides = _alike(checker, [node.left, node.right], scope, listed=node.operator not in _ORDERED)
    if sides is None:
        return node
    (left, typed), (right, _) = sides
    if typed.kind is Kind.BOOL and node.operator in _ORDERED:
        checker.findings.error(node.span, f"'{node.operator.value}' does not order TRUE and FALSE", "use =")
    return replace(node, left=left, right=right)


def _between(checker: "Checker", node: t.Between, scope: Scope | None) -> "Condition":
    sides = _alike(checker, [node.operand, node.low, node.high], scope, listed=False)
    if sides is None:
        return node
    if sides[0][1].kind is Kind.BOOL:
        checker.findings.error(node.span, "BETWEEN does not order TRUE and FALSE", "use =")
    return replace(node, operand=sides[0][0], low=sides[1][0], high=sides[2][0])


def _alike(
    checker: "Checker", nodes: "list[Expression]", scope: Scope | None, *, listed: bool
) -> "list[tuple[Expression, Typed]] | None":
    """The values, all of one single-valued type; None after an error.

    Literals are read as the type of the values beside them, and a moment beside a day becomes its day.
    """
    findings = checker.findings
    sides: list[tuple[Expression, Typed]] = []
    for node in nodes:
        checked, typed = checker.value(node, scope)
        if typed is None:
            return None
        if typed.kind in {Kind.LIST, Kind.RECORDS}:
            findings.error(node.span, "a list cannot be compared as a whole", "use HAS ANY|ALL|NONE (...)")
            return None
        sides.append((checked, typed))
    guides = [typed for checked, typed in sides if not isinstance(checked, LITERALS)] or [sides[0][1]]
    wanted = guides[0]
    if {typed.kind for _, typed in sides} >= {Kind.DATE, Kind.DATETIME}:
        if any(isinstance(checked, t.Moment) for checked, _ in sides):
            findings.error(
                nodes[-1].span, "a day cannot be compared with a moment", "write days on both sides"
            )
            return None
        sides = [day_of(*side) for side in sides]
        wanted = next(typed for _, typed in sides if typed.kind is Kind.DATE)
    result: list[tuple[Expression, Typed]] = []
    for checked, typed in sides:
        if wanted.kind is not Kind.BOOL and _is_unsaid(checked, nodes[0]):
            findings.error(
                checked.span, f"a condition is needed here, not a {wanted.type}", "compare it with a value"
            )
            return None
        if isinstance(checked, LITERALS):
            literal = read_as(findings, checked, wanted, listed=listed)
            if literal is None:
                return None
            result.append((literal, wanted))
        elif typed.kind is not wanted.kind:
            findings.error(checked.span, f"a {wanted.type} cannot be compared with a {typed.type}")
            return None
        else:
            result.append((checked, typed))
    return result


def _is_unsaid(node: "Expression", beside: "Expression") -> bool:
    """Whether it is the TRUE that a bare value is compared with: it stands where the value does."""
    return isinstance(node, t.Bool) and not isinstance(beside, t.Bool) and node.span == beside.span


def _in(checker: "Checker", node: t.In, scope: Scope | None) -> "Condition":
    operand, typed = checker.value(node.operand, scope)
    if typed is None:
        return node
    if typed.kind in {Kind.LIST, Kind.RECORDS}:
        checker.findings.error(node.operand.span, "IN asks about one value, not a list", "use HAS ANY (...)")
        return node
    if typed.kind is Kind.DATETIME and all(isinstance(each, t.Date) for each in node.values):
        operand, typed = day_of(operand, typed)
    return replace(node, operand=operand, values=_values(checker, node.span, node.values, typed))


def _has(checker: "Checker", node: t.Has, scope: Scope | None) -> "Condition":
    operand, typed = checker.value(node.operand, scope)
    if typed is None:
        return node
    if typed.kind is not Kind.LIST:
        checker.findings.error(
            node.operand.span, f"HAS asks about a list, not a {typed.type}", "use IN (...)"
        )
        return node
    return replace(node, operand=operand, values=_values(checker, node.span, node.values, typed.element))


def _values(
    checker: "Checker", span: Span, values: "tuple[Literal, ...]", wanted: Typed
) -> "tuple[Literal, ...]":
    if len(values) > MAX_VALUES:
        checker.findings.error(
            span, f"the list has {len(values)} values, the limit is {MAX_VALUES}", "use a tag"
        )
    read = []
    for each in values:
        literal, typed = checker.value(each, None)
        if typed is not None and isinstance(literal, LITERALS):
            read.append(read_as(checker.findings, literal, wanted) or literal)
    return tuple(read)


def _text_test(checker: "Checker", node: t.TextTest, scope: Scope | None) -> "Condition":
    operand, typed = checker.value(node.operand, scope)
    findings, name = checker.findings, node.operator.value
    if typed is not None and typed.kind is not Kind.TEXT:
        hint = "use HAS ANY (...)" if typed.kind is Kind.LIST else ""
        findings.error(node.operand.span, f"{name} asks about a text, not a {typed.type}", hint)
    if node.operator is t.TextOperator.MATCHES:
        try:
            check_pattern(node.pattern)
        except PatternError as error:
            findings.error(
                node.span, f"MATCHES '{node.pattern}': {error} (at {error.offset + 1})", error.hint
            )
    elif not node.pattern:
        findings.error(node.span, f"{name} needs a text that is not empty")
    return replace(node, operand=operand)


def _under(checker: "Checker", node: t.Under, scope: Scope | None) -> "Condition":
    operand, typed = checker.value(node.operand, scope)
    if typed is None:
        return node
    findings = checker.findings
    if typed.element.kind is not Kind.TEXT or typed.values is None or not typed.values.is_tree:
        findings.error(node.operand.span, "UNDER needs values that form a tree", "use = or IN")
    elif typed.values.openness is Openness.CLOSED and node.value not in typed.values.values:
        message = f"'{node.value}' is not in this tree"
        findings.error(node.span, message, nearest(node.value, typed.values.values))
    else:
        check_listed(findings, node, node.value, typed.values)
    return replace(node, operand=operand)


def _is_known(checker: "Checker", node: t.IsKnown, scope: Scope | None) -> "Condition":
    if isinstance(node.operand, LITERALS):
        checker.findings.error(node.operand.span, "a constant is always known", "ask about a tag or property")
        return node
    return replace(node, operand=checker.value(node.operand, scope)[0])


def _anniversary(checker: "Checker", node: t.Anniversary, scope: Scope | None) -> "Condition":
    operand, typed = checker.value(node.operand, scope)
    if typed is not None and typed.kind not in {Kind.DATE, Kind.DATETIME, Kind.TEXT}:
        message = f"ANNIVERSARY takes a day or a text 'MM-DD', not a {typed.type}"
        checker.findings.error(node.operand.span, message)
    if not 1 <= node.days <= MAX_ANNIVERSARY_DAYS:
        checker.findings.error(node.span, f"ANNIVERSARY looks 1 to {MAX_ANNIVERSARY_DAYS} days far")
    if typed is not None:
        operand, _ = day_of(operand, typed)
    return replace(node, operand=operand)


def _any_line(checker: "Checker", node: t.AnyLine, scope: Scope | None) -> "Condition":
    findings = checker.findings
    if scope is None or scope.lines:
        findings.error(
            node.span, "ANY stands in the WHERE of an event only", "its lines are in scope already"
        )
        return node
    lines = scope.event.property(node.list)
    if lines is None or lines.type.kind is not Kind.RECORDS:
        names = [each.name for each in scope.event.properties if each.type.kind is Kind.RECORDS]
        message = f"event '{scope.event.name}' has no list of records '{node.list}'"
        findings.missing(node.span, message, node.list, names)
        return node
    return replace(node, condition=checker.condition(node.condition, Scope(scope.event, node.list)))


_CHECKS: dict[type[t.Node], Callable[..., Any]] = {
    t.Compare: _compare,
    t.Between: _between,
    t.In: _in,
    t.Has: _has,
    t.TextTest: _text_test,
    t.Under: _under,
    t.IsKnown: _is_known,
    t.Anniversary: _anniversary,
    t.AnyLine: _any_line,
}
