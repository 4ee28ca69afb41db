"""Values: names looked up, types found, literals within range."""

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from rules import tree as t
from rules.schema import Scope, UnknownPath, resolve
from rules.values import BOOL, DATE, DATETIME, INT64_MAX, INT64_MIN, NUMBER, TEXT, Kind

from .findings import near_property
from .stretches import FIRST_DAY, LAST_DAY
from .typed import Typed

if TYPE_CHECKING:
    from rules.tree import Expression

    from .checker import Checker

Checked = tuple["Expression", Typed | None]


def check_value(checker: "Checker", node: "Expression", scope: Scope | None) -> Checked:
    """The value with its parts rewritten, and its type; None after an error that has been noted."""
    match node:
        case t.Number(value):
            if not INT64_MIN <= value <= INT64_MAX:
                checker.findings.error(node.span, "the number is beyond 922,337,203,685,477.5807 in size")
                return node, None
            return node, Typed(NUMBER)
        case t.Text():
            return node, Typed(TEXT)
        case t.Bool():
            return node, Typed(BOOL)
        case t.Date(day):
            return node, Typed(DATE) if _in_calendar(checker, node, day) else None
        case t.Moment(moment):
            return node, Typed(DATETIME) if _in_calendar(checker, node, moment.date()) else None
        case t.TagRef():
            return node, tag_type(checker, node)
        case t.Property():
            return node, property_type(checker, node, scope)
        case t.Arithmetic():
            return _arithmetic(checker, node, scope)
        case t.TimeFunction():
            return _time_function(checker, node, scope)
        case t.Aggregate():
            return checker.aggregate(node)
        case t.Feature():
            checker.findings.error(
                node.span, "a feature is not part of the language", "write what it computes"
            )
            return node, None


def tag_type(checker: "Checker", node: t.TagRef) -> Typed | None:
    schema = checker.findings.schema
    tag = schema.tag(node.name)
    if tag is None:
        instead = schema.retired_tag(node.name)
        if instead is not None:
            checker.findings.error(node.span, f"the tag '{node.name}' is retired", _instead(instead))
            return None
        message = f"there is no tag '{node.name}'"
        checker.findings.missing(node.span, message, node.name, schema.names("tag"))
        return None
    instead = schema.deprecated_tag(node.name)
    if instead is not None:
        checker.findings.warn(node.span, f"the tag '{node.name}' is deprecated", _instead(instead))
    checker.findings.tags.add(node.name)
    return Typed(tag.type, tag.values)


def _instead(replacement: str) -> str:
    return f"use '{replacement}' instead" if replacement else ""


def property_type(checker: "Checker", node: t.Property, scope: Scope | None) -> Typed | None:
    """The type of one value at the path, which may not walk a list of records here."""
    findings, path = checker.findings, ".".join(node.path)
    if scope is None:
        findings.error(node.span, f"'{path}' is a property, but no event is in scope here")
        return None
    try:
        found = resolve(findings.schema, scope, node.path)
    except UnknownPath as error:
        findings.error(node.span, str(error), _hint(checker, node, scope.event.name, error))
        return None
    if found.list:
        inner = node.path[-1]
        findings.error(
            node.span, f"'{path}' has a value for each line", f"write ANY({found.list}, {inner} ...)"
        )
        return None
    if found.type.kind is Kind.RECORDS:
        findings.error(node.span, f"'{path}' is a list of records", f"write ANY({path}, ...)")
        return None
    if found.table:
        findings.tables.add(found.table)
    return Typed(found.type, found.values)


def _hint(checker: "Checker", node: t.Property, event: str, error: UnknownPath) -> str:
    if len(node.path) == 1 and checker.findings.schema.tag(node.path[0]) is not None:
        return "it is a tag: a WHERE sees the event only"
    return near_property(checker.findings.schema, event, error)


def _in_calendar(checker: "Checker", node: t.Node, day: dt.date) -> bool:
    if FIRST_DAY <= day <= LAST_DAY:
        return True
    checker.findings.error(node.span, f"{day} is outside {FIRST_DAY} to {LAST_DAY}")
    return False


def _arithmetic(checker: "Checker", node: t.Arithmetic, scope: Scope | None) -> Checked:
    left, left_type = checker.value(node.left, scope)
    right, right_type = checker.value(node.right, scope)
    if left_type is None or right_type is None:
        return node, None
    for side, typed in ((left, left_type), (right, right_type)):
        if typed.kind is not Kind.NUMBER:
            hint = "DAYS SINCE(...) makes a number of it" if typed.kind in {Kind.DATE, Kind.DATETIME} else ""
            checker.findings.error(
                side.span, f"'{node.operator.value}' takes numbers, not a {typed.type}", hint
            )
            return node, None
    return replace(node, left=left, right=right), Typed(NUMBER)


def _time_function(checker: "Checker", node: t.TimeFunction, scope: Scope | None) -> Checked:
    operand, typed = checker.value(node.operand, scope)
    if typed is None:
        return node, None
    name, wanted = node.function.value, {Kind.DATE, Kind.DATETIME}
    if node.function is t.Clock.DAY:
        wanted = {Kind.DATETIME}
    if typed.kind not in wanted:
        said = " or ".join(sorted(each.value for each in wanted))
        checker.findings.error(node.operand.span, f"{name} takes a {said}, not a {typed.type}")
        return node, None
    result = DATE if node.function is t.Clock.DAY else NUMBER
    return replace(node, operand=operand), Typed(result)
