"""Aggregates and sequences: which events, which property of them, over which stretch of time."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rules import tree as t
from rules.limits import MAX_BY, MAX_STEPS, MAX_WINDOW
from rules.schema import EventType, Resolved, Scope, UnknownPath, resolve, sequence_property
from rules.values import DATETIME, NUMBER, Kind

from .findings import near_property, nearest
from .stretches import anchored, check_window
from .typed import Typed

if TYPE_CHECKING:
    from rules.tree import Expression

    from .checker import Checker

F = t.Function
_WHOLE_EVENT = {F.COUNT, F.DAYS, F.GAP, F.STREAK}
_PICKS = {F.FIRST, F.LAST, F.NTH}
_TAKES = {
    F.SUM: {Kind.NUMBER},
    F.AVG: {Kind.NUMBER},
    F.MIN: {Kind.NUMBER, Kind.DATE, Kind.DATETIME},
    F.MAX: {Kind.NUMBER, Kind.DATE, Kind.DATETIME},
}
_SCALARS = {Kind.BOOL, Kind.NUMBER, Kind.TEXT, Kind.DATE, Kind.DATETIME}
_STREAK_UNITS = {t.Unit.DAY, t.Unit.WEEK, t.Unit.MONTH}
_WITHIN_UNITS = {t.Unit.MINUTE, t.Unit.HOUR, t.Unit.DAY}
MAX_NTH = 1_000


def check_aggregate(checker: "Checker", node: t.Aggregate) -> tuple["Expression", Typed | None]:
    findings = checker.findings
    check_window(findings, node.window)
    event = find_event(checker, node, node.event)
    if event is None:
        return node, None
    read, sound = read_property(checker, node, event)
    lines = read.list if read else ""
    where = checker.condition(node.where, Scope(event, lines)) if node.where else None
    sound &= _details(checker, node, event, read)
    if not sound:
        return node, None
    return replace(node, where=where), _result(node, read)


def find_event(checker: "Checker", node: t.Node, name: str) -> EventType | None:
    schema = checker.findings.schema
    event = schema.event(name)
    if event is None and schema.undeclared(name):
        hint = "such events come in, but nobody declared the type: "
        hint += "declare it with huaxiang events declare (PutEventType)"
        checker.findings.error(node.span, f"there is no event '{name}'", hint)
        return None
    if event is None:
        checker.findings.missing(node.span, f"there is no event '{name}'", name, schema.names("event"))
        return None
    checker.findings.events.add(name)
    return event


def read_property(checker: "Checker", node: t.Aggregate, event: EventType) -> tuple[Resolved | None, bool]:
    """What the aggregate reads, and whether that is sound so far."""
    findings, function = checker.findings, node.function
    if node.property is None:
        if function in _WHOLE_EVENT | _PICKS:
            return None, True
        findings.error(
            node.span, f"{function.value} needs a property", f"write {function.value}({event.name}.x)"
        )
        return None, False
    place = node.property.span
    if function in _WHOLE_EVENT:
        hint = "DISTINCT counts different values" if function is F.COUNT else ""
        findings.error(place, f"{function.value} takes the event alone, without a property", hint)
        return None, False
    try:
        read = resolve(findings.schema, Scope(event), node.property.path)
    except UnknownPath as error:
        findings.error(place, str(error), near_property(findings.schema, event.name, error))
        return None, False
    if read.table:
        findings.tables.add(read.table)
    if read.type.kind not in _TAKES.get(function, _SCALARS):
        findings.error(place, f"{function.value} cannot read a {read.type}")
        return read, False
    if read.list and function in _PICKS:
        message = f"{function.value} reads one value of an event, '{'.'.join(node.property.path)}' has many"
        findings.error(place, message, "use DISTINCT, or WHERE ANY(...)")
        return read, False
    return read, True


def _details(checker: "Checker", node: t.Aggregate, event: EventType, read: Resolved | None) -> bool:
    findings = checker.findings
    if node.index is not None and not 1 <= node.index <= MAX_NTH:
        findings.error(node.span, f"NTH counts from 1 to {MAX_NTH}")
        return False
    if node.function is F.STREAK and node.unit not in _STREAK_UNITS:
        findings.error(node.span, "STREAK counts DAYS, WEEKS or MONTHS in a row")
        return False
    if not node.net:
        return True
    if node.function is not F.SUM:
        findings.error(node.span, "only SUM has NET")
        return False
    if read is not None and (read.list or read.table):
        findings.error(node.span, "NET subtracts whole events: it takes a property of the event itself")
        return False
    if read is not None and not reversals(checker, event, read):
        findings.error(node.span, f"nothing reverses '{event.name}.{read.field.name}'", "leave NET out")
        return False
    return True


def reversals(checker: "Checker", event: EventType, read: Resolved) -> list[str]:
    """The events that NET subtracts: they have a number property of the same name."""
    found = []
    for name in event.reversed_by:
        reversal = checker.findings.schema.event(name)
        same = reversal.property(read.field.name) if reversal else None
        if same is not None and same.type == NUMBER:
            found.append(name)
    checker.findings.events.update(found)
    return found


def _result(node: t.Aggregate, read: Resolved | None) -> Typed:
    if node.function in _WHOLE_EVENT | {F.SUM, F.AVG, F.DISTINCT}:
        return Typed(NUMBER)
    return Typed(read.type, read.values) if read else Typed(DATETIME)


# ------------------------------------------------------------------------------------------- sequences


def check_sequence(checker: "Checker", node: t.Sequence) -> t.Sequence:
    findings = checker.findings
    node = anchored(findings, node)
    check_window(findings, node.window)
    if not 2 <= len(node.steps) <= MAX_STEPS:
        findings.error(node.span, f"a sequence has 2 to {MAX_STEPS} steps, not {len(node.steps)}")
    if node.within is not None:
        _check_within(checker, node.within)
    steps = tuple(
        replace(
            step,
            match=_filter(checker, step.match, node.by),
            without=tuple(_filter(checker, each, node.by) for each in step.without),
        )
        for step in node.steps
    )
    for prop in node.by:
        _check_same_type(checker, node, prop)
    if len(node.by) > MAX_BY:
        findings.error(node.by[MAX_BY].span, f"BY takes at most {MAX_BY} properties, not {len(node.by)}")
    for place, prop in enumerate(node.by):
        if prop in node.by[:place]:
            findings.error(prop.span, f"BY names '{'.'.join(prop.path)}' twice", "leave it out")
    return replace(node, steps=steps)


def _filter(checker: "Checker", node: t.EventFilter, by: tuple[t.Property, ...]) -> t.EventFilter:
    event = find_event(checker, node, node.event)
    if event is None:
        return node
    for prop in by:
        try:
            found = sequence_property(checker.findings.schema, event, prop.path)
            if found.table:
                checker.findings.tables.add(found.table)
        except UnknownPath as error:
            hint = nearest(error.name, error.candidates) or "BY takes what every event of the sequence has"
            checker.findings.error(prop.span, str(error), hint)
    where = checker.condition(node.where, Scope(event)) if node.where else None
    return replace(node, where=where)


def _check_same_type(checker: "Checker", node: t.Sequence, prop: t.Property) -> None:
    """A list's elements count as what they are: lists match when they share one."""
    schema = checker.findings.schema
    kinds = set()
    for step in node.steps:
        for each in (step.match, *step.without):
            event = schema.event(each.event)
            try:
                found = sequence_property(schema, event, prop.path) if event else None
            except UnknownPath:
                found = None
            if found is not None:
                kinds.add(found.type.element or found.type.kind)
    if len(kinds) > 1 or Kind.RECORDS in kinds:
        said = ", ".join(sorted(kind.value for kind in kinds))
        checker.findings.error(prop.span, f"BY compares values of one type, not {said}")


def _check_within(checker: "Checker", within: t.Duration) -> None:
    if within.unit not in _WITHIN_UNITS:
        checker.findings.error(within.span, "WITHIN counts MINUTES, HOURS or DAYS of 24 hours")
    elif not 1 <= within.count <= MAX_WINDOW[within.unit.value]:
        limit = MAX_WINDOW[within.unit.value]
        checker.findings.error(within.span, f"WITHIN goes from 1 to {limit} {within.unit.value}S")
