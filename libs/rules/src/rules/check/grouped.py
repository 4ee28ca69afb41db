"""Grouped aggregates: the function, what is summed, and what groups."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rules import tree as t
from rules.grouping import Reading, reading
from rules.limits import MAX_HALF_LIFE_DAYS
from rules.schema import EventType, UnknownPath, resolve
from rules.values import Kind, ValueType

from .aggregates import find_event, read_property
from .findings import near_property
from .stretches import check_window

if TYPE_CHECKING:
    from .checker import Checker

_FUNCTIONS = {t.Function.COUNT, t.Function.DAYS, t.Function.SUM}
_KEYS = {Kind.TEXT, Kind.NUMBER, Kind.BOOL}


def check_grouped_node(checker: "Checker", node: t.Grouped) -> tuple[t.Grouped, ValueType | None]:
    """The node with its WHERE rewritten, and the type of its keys; None after an error that has been noted."""
    findings, aggregate = checker.findings, node.aggregate
    if aggregate.function not in _FUNCTIONS:
        findings.error(node.span, f"{aggregate.function.value} has no BY", "COUNT, DAYS and SUM have")
        return node, None
    check_window(findings, aggregate.window)
    _check_half_life(checker, node)
    event = find_event(checker, aggregate, aggregate.event)
    if event is None:
        return node, None
    _, sound = read_property(checker, aggregate, event)
    if not sound:
        return node, None
    read = reading(node, event)
    key = _key(checker, node, read)
    if read.walked and aggregate.property is not None and not _goes_through(aggregate.property, event):
        message = f"SUM would add '{'.'.join(aggregate.property.path)}' once for each line of '{read.walked}'"
        findings.error(
            node.by.span, message, f"sum a property of the lines: {event.name}.{read.walked}.amount"
        )
        return node, None
    where = checker.condition(aggregate.where, read.scope) if aggregate.where else None
    return replace(node, aggregate=replace(aggregate, where=where)), key


def _goes_through(path: t.Property, event: EventType) -> bool:
    first = event.property(path.path[0])
    return first is not None and first.type.kind is Kind.RECORDS


def _key(checker: "Checker", node: t.Grouped, read: Reading) -> ValueType | None:
    findings = checker.findings
    try:
        found = resolve(findings.schema, read.scope, read.by.path)
    except UnknownPath as error:
        findings.error(node.by.span, str(error), near_property(findings.schema, node.aggregate.event, error))
        return None
    if found.table:
        findings.tables.add(found.table)
    if found.list or found.type.kind not in _KEYS:
        findings.error(node.by.span, f"BY takes a text, number or bool, not a {found.type}")
        return None
    return found.type


def _check_half_life(checker: "Checker", node: t.Grouped) -> None:
    days = node.half_life_days
    if days is not None and not 1 <= days <= MAX_HALF_LIFE_DAYS:
        checker.findings.error(
            node.span, f"DECAY takes 1 to {MAX_HALF_LIFE_DAYS} days, in which a weight halves"
        )
